/**
 * Returns a promise that settles as the value does, or undefined if the value need not be awaited. A foreign promise
 * may throw or settle twice; the returned one does neither.
 *
 * @throws the error of reading the value's `then`
 */
export function promiseOf(value: unknown): Promise<unknown> | undefined {
  if (value instanceof Promise) return value;
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function'
    ? Promise.resolve(value)
    : undefined;
}
