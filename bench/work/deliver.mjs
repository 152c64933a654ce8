import { startStopwatch } from './stopwatch.mjs';

/** The part of a run with a count that warms up. */
const WARM_UP_PART = 0.1;

/** Consumes as fast as the client can, for a number of messages, or for a time if there are enough messages. */
export async function deliver(session, { prefetch = 0, consumers = 1, count }, plan) {
  const channel = await session.openChannel({ confirm: false, prefetch, unconfirmed: 0 });
  const total = count ?? plan.deliveries ?? Infinity;
  const warmUp = count === undefined ? Math.floor(total / 2) : Math.floor(count * WARM_UP_PART);
  let received = 0;
  let stopwatch;
  let begunAt;
  let rssBefore;
  const begin = () => {
    begunAt = received;
    rssBefore = process.memoryUsage.rss();
    stopwatch = startStopwatch();
  };
  let end;
  const ended = new Promise((resolve) => {
    end = resolve;
  });
  const onMessage = () => {
    received++;
    if (received === warmUp && !stopwatch) begin();
    else if (received === total) end();
  };
  for (let index = 0; index < consumers; index++) await channel.consume(plan.queue, prefetch === 0, onMessage);
  if (count === undefined) {
    setTimeout(() => {
      if (!stopwatch) begin();
      // The second timer starts here, since a flood may delay the first one by as much.
      setTimeout(end, plan.duration);
    }, plan.warmUp);
  }
  await ended;
  const result = stopwatch.stop(received - begunAt);
  return { ...result, rssGrowth: process.memoryUsage.rss() / rssBefore };
}
