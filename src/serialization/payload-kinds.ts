import { types } from 'node:util';
import { isThenable } from '../common/thenable.js';

/** Returns true for literals of objects and arrays, which most payloads are. They need no further look. */
function isLiteral(payload: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(payload);
  return prototype === Object.prototype || prototype === Array.prototype;
}

/** Returns true for a payload that is sent unchanged: a Buffer, another view of bytes, or an ArrayBuffer. */
export function isBytes(payload: unknown): payload is ArrayBufferView | ArrayBuffer | SharedArrayBuffer {
  if (typeof payload !== 'object' || payload === null || isLiteral(payload)) return false;
  return ArrayBuffer.isView(payload) || types.isAnyArrayBuffer(payload);
}

/** Returns the bytes themselves, without a copy. */
export function bytesOf(payload: ArrayBufferView | ArrayBuffer | SharedArrayBuffer): Uint8Array {
  if (types.isUint8Array(payload)) return payload;
  if (!ArrayBuffer.isView(payload)) return new Uint8Array(payload);
  return new Uint8Array(payload.buffer, payload.byteOffset, payload.byteLength);
}

/** Refuses a promise, since serializers are synchronous and would write an empty object. @throws TypeError */
export function refusePromise(payload: unknown): void {
  if (isThenable(payload)) throw new TypeError('the payload is a promise: is an await missing?');
}

/**
 * Refuses objects that `JSON.stringify` turns into `{}` although they have content: a Map, an Error, an iterator and other
 * built-ins. Instances of the application's classes are written as they are.
 *
 * @throws TypeError that says what to send instead
 */
export function refuseEmptied(payload: unknown): void {
  if (typeof payload !== 'object' || payload === null || isLiteral(payload)) return;
  if (hasToJson(payload) || types.isBoxedPrimitive(payload)) return;
  const kind = kindOf(payload);
  if (kind === 'Array') return;
  const instead = insteadOf(payload, kind);
  if (instead !== undefined)
    throw new TypeError(`JSON would write ${instead.what} as an empty object: ${instead.send}`);
}

/** A value that JSON does not write as it is. */
interface Mangled {
  readonly what: string;
  readonly send: string;
}

/**
 * Refuses what {@link refuseEmptied} refuses also inside of a payload, as well as promises and typed arrays, which would become
 * objects. Whatever JSON empties leaves `{}` in its text, and a typed array begins with `{"0":`, so the payload is searched
 * only if the text has one of these.
 *
 * @param json the text of the payload
 * @throws TypeError that names the path and says what to send instead
 */
export function refuseEmptiedInside(payload: unknown, json: string): void {
  if (!json.includes('{}') && !json.includes('{"0":')) return;
  const found = mangledIn(payload);
  if (found) throw new TypeError(`JSON would write ${found.what} at ${found.path} as an object: ${found.send}`);
}

function mangledIn(value: unknown): (Mangled & { readonly path: string }) | undefined {
  if (typeof value !== 'object' || value === null || hasToJson(value)) return undefined;
  for (const name of Object.keys(value)) {
    const inner = (value as Readonly<Record<string, unknown>>)[name];
    if (typeof inner !== 'object' || inner === null) continue;
    const mangled = mangledValue(inner);
    if (mangled) return { ...mangled, path: name };
    const deeper = mangledIn(inner);
    if (deeper) return { ...deeper, path: `${name}.${deeper.path}` };
  }
  return undefined;
}

function mangledValue(value: object): Mangled | undefined {
  if (isLiteral(value) || hasToJson(value) || types.isBoxedPrimitive(value)) return undefined;
  if (isThenable(value)) return { what: 'a promise', send: 'is an await missing?' };
  const kind = kindOf(value);
  if (kind === 'Array') return undefined;
  if (isBytes(value)) return { what: `bytes (${kind})`, send: 'send a text, such as base64, or an array of numbers' };
  return insteadOf(value, kind);
}

function hasToJson(value: object): boolean {
  return typeof (value as { toJSON?: unknown }).toJSON === 'function';
}

function kindOf(value: object): string {
  return Object.prototype.toString.call(value).slice('[object '.length, -1);
}

function insteadOf(payload: object, kind: string): Mangled | undefined {
  if (types.isMap(payload)) return { what: 'a Map', send: 'send Object.fromEntries(map) or [...map]' };
  if (types.isSet(payload)) return { what: 'a Set', send: 'send [...set]' };
  if (types.isNativeError(payload) || payload instanceof Error) {
    return { what: 'an Error', send: 'send an object with its message' };
  }
  if (kind === 'Object' || Object.keys(payload).length > 0) return undefined;
  if (types.isAnyArrayBuffer(payload) || ArrayBuffer.isView(payload)) {
    return { what: `this payload (${kind})`, send: 'send a Buffer' };
  }
  if (kind.endsWith('Iterator') || kind.endsWith('Generator')) {
    return { what: `this payload (${kind})`, send: 'send an array of its values' };
  }
  return { what: `this payload (${kind})`, send: 'send an object with its content, or bytes' };
}
