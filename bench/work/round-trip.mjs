import { Buffer } from 'node:buffer';
import { Latencies } from './latencies.mjs';
import { startStopwatch } from './stopwatch.mjs';

/** Publishes a message and waits for its answer, one at a time. */
export async function roundTrip(session, { size }, plan) {
  const body = Buffer.alloc(size, 'x');
  const channel = await session.openChannel({ confirm: false, prefetch: 0, unconfirmed: 0 });
  let answered;
  await channel.consume(plan.queue, true, () => answered());
  const latencies = new Latencies();
  const run = async (milliseconds) => {
    const until = performance.now() + milliseconds;
    for (let begun = performance.now(); begun < until;) {
      await new Promise((resolve) => {
        answered = resolve;
        void channel.publish('', plan.queue, body);
      });
      const now = performance.now();
      latencies.add(now - begun);
      begun = now;
    }
  };
  await run(plan.warmUp);
  latencies.clear();
  const stopwatch = startStopwatch();
  await run(plan.duration);
  return { ...stopwatch.stop(latencies.count), ...latencies.percentiles() };
}
