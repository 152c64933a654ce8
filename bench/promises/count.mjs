/**
 * Counts one case in a process of its own: `count.mjs '<{ name, what, url } as JSON>'`. `what` is `promises`, counted by V8's
 * promise hooks, or `bytes`, measured by the growth of the heap while nothing is collected.
 */
import { PerformanceObserver } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import { promiseHooks } from 'node:v8';
import { cases } from './cases.mjs';

/** Messages before the counted ones. V8 compiles meanwhile what decides which objects are created at all. */
const WARM_UP = 20_000;
const COUNTED = 10_000;

process.on('disconnect', () => process.exit());
const { name, what, url } = JSON.parse(process.argv[2]);

const meters = {
  promises() {
    const [begun, ended] = [{ promises: 0, microtasks: 0 }, {}];
    const stop = promiseHooks.createHook({ init: () => begun.promises++, before: () => begun.microtasks++ });
    return () => {
      stop();
      return Object.assign(ended, begun);
    };
  },
  bytes() {
    globalThis.gc();
    let collections = 0;
    const observer = new PerformanceObserver((list) => (collections += list.getEntries().length));
    observer.observe({ entryTypes: ['gc'] });
    const before = allocated();
    return async () => {
      const bytes = allocated() - before;
      await turn();
      await turn();
      if (collections > 0) throw new Error(`${collections} garbage collections, so the bytes are unknown`);
      return { bytes };
    };
  },
};

function allocated() {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

let seen = 0;
let stop;
await cases[name]({
  url,
  total: WARM_UP + COUNTED,
  onMessage() {
    seen++;
    if (seen === WARM_UP) stop = meters[what]();
    else if (seen === WARM_UP + COUNTED) void report(stop());
  },
});

async function report(counts) {
  const totals = Object.entries(await counts);
  process.send(Object.fromEntries(totals.map(([of, total]) => [of, total / COUNTED])), () => process.exit());
}
