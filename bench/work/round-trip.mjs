import { Buffer } from 'node:buffer';
import { startStopwatch } from './stopwatch.mjs';

/** Publishes a message and waits for its answer, one at a time. */
export async function roundTrip(session, { size }, plan) {
  const body = Buffer.alloc(size, 'x');
  const channel = await session.openChannel({ confirm: false, prefetch: 0, unconfirmed: 0 });
  let answered;
  await channel.consume(plan.queue, true, () => answered());
  const run = async (milliseconds) => {
    const latencies = [];
    const until = performance.now() + milliseconds;
    for (let begun = performance.now(); begun < until;) {
      await new Promise((resolve) => {
        answered = resolve;
        void channel.publish('', plan.queue, body);
      });
      const now = performance.now();
      latencies.push(now - begun);
      begun = now;
    }
    return latencies;
  };
  await run(plan.warmUp);
  const stopwatch = startStopwatch();
  const latencies = (await run(plan.duration)).sort((a, b) => a - b);
  const result = stopwatch.stop(latencies.length);
  const percentile = (part) => latencies[Math.floor((latencies.length - 1) * part)] * 1000;
  return { ...result, p50: percentile(0.5), p99: percentile(0.99) };
}
