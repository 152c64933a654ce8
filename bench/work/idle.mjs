import { setTimeout as pause } from 'node:timers/promises';

/** Milliseconds after the start in which timers and sockets come to rest. */
const REST = 500;

/**
 * Starts an application and returns its memory in bytes after a garbage collection: `heap` with what lives beside it (buffers),
 * and `resident`. The difference of two applications shows what one consumer takes.
 */
export async function idle(adapter, { url, queues }) {
  await adapter.start(url, queues);
  await pause(REST);
  for (let count = 0; count < 3; count++) globalThis.gc();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { messages: queues.length, heap: heapUsed + external, resident: rss };
}
