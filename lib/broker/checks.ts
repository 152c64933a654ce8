import { Buffer } from 'node:buffer';
import { unknownOption } from '../option-names/index.js';

/** The longest reason or name that a method can contain, in bytes (a short string, section 4.2.5.3). */
const SHORT_STRING_MAX = 255;

/** Refuses unknown names, since a misspelt filter would select everything. @throws RangeError */
export function refuseUnknown(what: string, given: object, known: readonly string[]): void {
  const unknown = unknownOption(given, known);
  if (unknown !== undefined) throw new RangeError(`${what}: ${unknown}`);
}

/** @throws RangeError unless the value is a whole number of at least `min`, or Infinity if `unlimited` */
export function checkWhole(what: string, value: number, min: number, { unlimited = false } = {}): void {
  if ((Number.isInteger(value) && value >= min) || (unlimited && value === Infinity)) return;
  throw new RangeError(`${what} must be a whole number of at least ${min}${unlimited ? ', or Infinity' : ''}`);
}

/** @throws RangeError unless the value is a finite time of 0 ms or more */
export function checkTime(what: string, ms: number): void {
  if (!(Number.isFinite(ms) && ms >= 0)) throw new RangeError(`${what} must be 0 or more milliseconds`);
}

/** @throws RangeError unless the value is one of these */
export function checkOneOf<T extends string>(what: string, value: T, known: readonly T[]): void {
  if (!known.includes(value)) throw new RangeError(`${what} must be one of ${known.join(', ')}`);
}

/** @throws RangeError unless the value is a text of at most 255 bytes */
export function checkShortText(what: string, value: string): void {
  if (typeof value === 'string' && Buffer.byteLength(value) <= SHORT_STRING_MAX) return;
  throw new RangeError(`${what} must be a text of at most ${SHORT_STRING_MAX} bytes`);
}

/** @throws RangeError unless the value is a function */
export function checkFunction(what: string, value: unknown): void {
  if (typeof value !== 'function') throw new RangeError(`${what} must be a function`);
}

/** @throws RangeError unless the value is undefined, or of this type */
export function checkType(what: string, value: unknown, type: 'string' | 'number' | 'function'): void {
  if (value !== undefined && typeof value !== type) throw new RangeError(`${what} must be a ${type}`);
}
