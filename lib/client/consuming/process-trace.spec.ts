import { describe, expect, it } from '@jest/globals';
import { tracing } from '../tracing.js';
import { TracedProcess } from './process-trace.js';

describe('TracedProcess', () => {
  it.each([
    ['success', (trace: TracedProcess) => trace.succeed(), ['start', 'end', 'asyncStart', 'asyncEnd']],
    ['failure', (trace: TracedProcess) => trace.fail(1), ['start', 'end', 'error', 'asyncStart', 'asyncEnd']],
  ])('reports a %s within the call after the end of the call', (_, report, expected) => {
    const events: string[] = [];
    const names = ['start', 'end', 'error', 'asyncStart', 'asyncEnd'] as const;
    const subscribers = Object.fromEntries(names.map((name) => [name, () => void events.push(name)]));
    tracing.process.subscribe(subscribers as never);
    try {
      const trace = new TracedProcess('billing', []);
      trace.run(() => report(trace));
      trace.fail(new Error('too late'));
    } finally {
      tracing.process.unsubscribe(subscribers as never);
    }
    expect(events).toEqual(expected);
  });
});
