import { describe, expect, it } from '@jest/globals';
import type { Clock } from '../../environment/index.js';
import { BrokerClock } from './clock.js';

/** Stands still; `pass` lets time go by. */
class StillClock implements Clock {
  time = 0;
  readonly timers = new Set<{ readonly due: number; readonly run: () => void }>();

  now(): number {
    return this.time;
  }

  wallTime(): number {
    return 1_000_000 + this.time;
  }

  after(delay: number, run: () => void): () => void {
    const timer = { due: this.time + delay, run };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }

  afterPendingEvents(run: () => void): void {
    run();
  }

  pass(ms: number): void {
    this.time += ms;
    for (const timer of this.timers) {
      if (timer.due > this.time) continue;
      this.timers.delete(timer);
      timer.run();
    }
  }
}

function clocks(): {
  base: StillClock;
  clock: BrokerClock;
  errors: unknown[];
  ran: string[];
  plan: (name: string, delay: number) => () => void;
} {
  const base = new StillClock();
  const errors: unknown[] = [];
  const ran: string[] = [];
  const clock = new BrokerClock(base, (error) => errors.push(error));
  const plan = (name: string, delay: number): (() => void) =>
    clock.after(delay, () => ran.push(`${name} at ${clock.now()}`));
  return { base, clock, errors, ran, plan };
}

describe('BrokerClock', () => {
  it('goes with the clock that it is given', () => {
    const { base, clock, ran, plan } = clocks();
    plan('a', 100);
    base.pass(99);
    expect(ran).toEqual([]);
    base.pass(1);
    expect(ran).toEqual(['a at 100']);
    expect([clock.now(), clock.wallTime()]).toEqual([100, 1_000_100]);
  });

  it('advance runs what becomes due, in order and at its time, what comes up meanwhile too', () => {
    const { base, clock, ran, plan } = clocks();
    plan('late', 1_001);
    plan('second', 500);
    clock.after(200, () => plan('planned meanwhile', 100));
    plan('first', 100);
    clock.advance(1_000);
    expect(ran).toEqual(['first at 100', 'planned meanwhile at 300', 'second at 500']);
    expect([clock.now(), clock.wallTime(), base.timers.size]).toEqual([1_000, 1_001_000, 1]);
    base.pass(1);
    expect(ran.at(-1)).toBe('late at 1001');
  });

  it('never is never, and what is called off does not run', () => {
    const { base, clock, ran, plan } = clocks();
    plan('never', Infinity);
    plan('off', 10)();
    clock.advance(1e9);
    expect([ran, base.timers.size]).toEqual([[], 0]);
  });

  it('a task that throws is told of, and the others run', () => {
    const { base, clock, errors, ran, plan } = clocks();
    for (const delay of [10, 20]) {
      clock.after(delay, () => {
        throw new Error(`at ${delay}`);
      });
    }
    plan('after it', 30);
    base.pass(15);
    clock.advance(100);
    expect(errors).toEqual([new Error('at 10'), new Error('at 20')]);
    expect(ran).toEqual(['after it at 30']);
  });

  it('stop leaves no timer', () => {
    const { base, clock, plan } = clocks();
    plan('a', 10);
    plan('b', 20);
    clock.stop();
    expect(base.timers.size).toBe(0);
  });
});
