import { Buffer } from 'node:buffer';
import { startStopwatch } from './stopwatch.mjs';

/** Publishes between two waits for the client. */
const BATCH = 1000;
/** Bytes between two waits for the client: a batch of large bodies has fewer publishes. */
const BATCH_BYTES = 16 * 1024 * 1024;

/** Publishes without confirms as fast as the client accepts messages. */
export async function publish(session, { size, channels: count = 1 }, plan) {
  const body = Buffer.alloc(size, 'x');
  const channels = [];
  for (let index = 0; index < count; index++) {
    channels.push(await session.openChannel({ confirm: false, prefetch: 0, unconfirmed: 0 }));
  }
  const batch = Math.max(1, Math.min(BATCH, Math.floor(BATCH_BYTES / size)));
  const run = async (milliseconds) => {
    const until = performance.now() + milliseconds;
    let sent = 0;
    while (performance.now() < until) {
      let wait;
      for (let index = 0; index < batch; index++) {
        wait = channels[(sent + index) % count].publish(plan.exchange, plan.routingKey, body) ?? wait;
      }
      sent += batch;
      await wait;
    }
    await channels[0].sync();
    return sent;
  };
  await run(plan.warmUp);
  const stopwatch = startStopwatch();
  return stopwatch.stop(await run(plan.duration));
}
