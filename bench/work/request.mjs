import { setTimeout as pause } from 'node:timers/promises';
import { Latencies } from './latencies.mjs';
import { startStopwatch } from './stopwatch.mjs';

/** Objects that an allocating handler creates, and the number of results that it keeps: about 10 MB that live for a while. */
const OBJECTS = 100;
const KEPT = 1000;

/** Sends requests, a fixed number in flight: the reply of one sends the next. Both ends are in this process. */
export async function request(session, { inFlight, allocating }, plan) {
  const send = await session.openRequests(plan.queue, allocating ? allocatingHandler() : totalOf);
  const latencies = new Latencies();
  const next = () => {
    const begun = performance.now();
    send(() => {
      latencies.add(performance.now() - begun);
      next();
    });
  };
  for (let index = 0; index < inFlight; index++) next();
  await pause(plan.warmUp);
  latencies.clear();
  const stopwatch = startStopwatch();
  await pause(plan.duration);
  return { ...stopwatch.stop(latencies.count), ...latencies.percentiles() };
}

function totalOf(payload) {
  return payload.total;
}

/** Returns a handler that creates objects and keeps them for a thousand requests, as a cache or a session does. */
function allocatingHandler() {
  const kept = new Array(KEPT);
  let count = 0;
  return (payload) => {
    const objects = Array.from({ length: OBJECTS }, (_, index) => ({ index, id: `${payload.id}-${count}`, payload }));
    kept[count++ % KEPT] = objects;
    return objects.length;
  };
}
