/**
 * Returns a promise that ends as the value does, or undefined if the value need not be awaited. A promise of somebody's own
 * may throw, or tell twice; this one does neither.
 *
 * @throws what reading the value's `then` throws
 */
export function promiseOf(value: unknown): Promise<unknown> | undefined {
  if (value instanceof Promise) return value;
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function'
    ? Promise.resolve(value)
    : undefined;
}
