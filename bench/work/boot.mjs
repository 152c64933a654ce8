import { startStopwatch } from './stopwatch.mjs';

/** Starts an application: from the first call of the libraries, which are loaded already, until all its consumers consume. */
export async function boot(adapter, { url, queues }) {
  const stopwatch = startStopwatch();
  await adapter.start(url, queues);
  return stopwatch.stop(1);
}
