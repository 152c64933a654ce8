/** Taken before anything is trapped: the one real thing that the simulation uses. */
const realSetImmediate = globalThis.setImmediate;

/**
 * Calls `next` once every microtask and every `process.nextTick` that waits has run, and those that they caused. Node
 * drains both queues completely between two immediates, in an order that only the code decides.
 */
export function afterMicrotasks(next: () => void): void {
  realSetImmediate(next);
}
