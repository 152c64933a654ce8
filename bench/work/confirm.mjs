import { Buffer } from 'node:buffer';
import { startStopwatch } from './stopwatch.mjs';

/** Number of confirms after which the next publishes follow, in place of one publish per confirm. */
const STEP = 500;

/** Publishes with confirms, a fixed number in flight, and awaits each confirm. */
export async function confirm(session, { size, unconfirmed }, plan) {
  const body = Buffer.alloc(size, 'x');
  const channel = await session.openChannel({ confirm: true, prefetch: 0, unconfirmed });
  // A microservice's client is bound to a queue.
  await channel.connect?.(plan.queue);
  let inFlight = 0;
  let confirmations = 0;
  let wake;
  const confirmed = () => {
    inFlight--;
    confirmations++;
    if (wake && inFlight <= unconfirmed - Math.min(STEP, unconfirmed / 2)) {
      wake();
      wake = undefined;
    }
  };
  const run = async (milliseconds) => {
    const before = confirmations;
    const until = performance.now() + milliseconds;
    while (performance.now() < until) {
      for (; inFlight < unconfirmed; inFlight++) {
        channel.publishConfirmed(plan.exchange, plan.routingKey, body, confirmed);
      }
      await new Promise((resolve) => {
        wake = resolve;
      });
    }
    return confirmations - before;
  };
  await run(plan.warmUp);
  const stopwatch = startStopwatch();
  return stopwatch.stop(await run(plan.duration));
}
