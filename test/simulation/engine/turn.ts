/** The only real timer function that the simulation uses, saved before the traps are set. */
const realSetImmediate = globalThis.setImmediate;

/**
 * Calls `next` once every waiting microtask and `process.nextTick` has run, with those that they caused. Node drains both
 * queues completely between two immediates, in an order that depends on the code only.
 */
export function afterMicrotasks(next: () => void): void {
  realSetImmediate(next);
}
