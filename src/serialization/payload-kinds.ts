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
  if (typeof (payload as { toJSON?: unknown }).toJSON === 'function' || types.isBoxedPrimitive(payload)) return;
  const kind = Object.prototype.toString.call(payload).slice('[object '.length, -1);
  if (kind === 'Array') return;
  const instead = insteadOf(payload, kind);
  if (instead !== undefined)
    throw new TypeError(`JSON would write ${instead.what} as an empty object: ${instead.send}`);
}

function insteadOf(payload: object, kind: string): { readonly what: string; readonly send: string } | undefined {
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
