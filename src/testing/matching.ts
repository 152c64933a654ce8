import { Buffer } from 'node:buffer';
import { isDeepStrictEqual, types } from 'node:util';

/** Returns true for a matcher of Jest or Vitest, such as `expect.objectContaining(…)`. */
function isMatcher(value: object): value is { asymmetricMatch(actual: unknown): boolean } {
  return 'asymmetricMatch' in value && typeof value.asymmetricMatch === 'function';
}

/**
 * Compares a value with an expectation: a function must return true, a RegExp must match a string, and matchers of Jest
 * and Vitest work as usual. An object must contain the given properties, an array must match item by item, and any
 * other value must be equal.
 */
export function matches(actual: unknown, expected: unknown): boolean {
  if (typeof expected === 'function') return Boolean((expected as (value: unknown) => unknown)(actual));
  if (expected instanceof RegExp) return typeof actual === 'string' && expected.test(actual);
  if (typeof expected !== 'object' || expected === null) return Object.is(actual, expected);
  if (isMatcher(expected)) return expected.asymmetricMatch(actual);
  if (Array.isArray(expected)) {
    return (
      Array.isArray(actual) &&
      actual.length === expected.length &&
      expected.every((item, index) => matches(actual[index], item))
    );
  }
  if (types.isUint8Array(expected)) return types.isUint8Array(actual) && Buffer.compare(actual, expected) === 0;
  if (types.isDate(expected) || types.isMap(expected) || types.isSet(expected)) {
    return isDeepStrictEqual(actual, expected);
  }
  if (typeof actual !== 'object' || actual === null) return false;
  return Object.entries(expected).every(([key, value]) => matches((actual as Record<string, unknown>)[key], value));
}
