import { describe, expect, it } from '@jest/globals';
import type { Clock } from './clock.js';
import { DeadlineTimer } from './deadline-timer.js';

/** A clock with one timer at most. */
class HandClock implements Clock {
  time = 0;
  timer: { readonly at: number; readonly run: () => void } | undefined;

  now(): number {
    return this.time;
  }

  wallTime(): number {
    return this.time;
  }

  after(delay: number, run: () => void): () => void {
    expect(this.timer).toBeUndefined();
    this.timer = { at: this.time + delay, run };
    return () => (this.timer = undefined);
  }

  afterPendingEvents(run: () => void): void {
    run();
  }

  /** Lets the timer go off. */
  next(): void {
    const { at, run } = this.timer!;
    this.timer = undefined;
    this.time = at;
    run();
  }
}

describe('DeadlineTimer', () => {
  it('goes off at the earliest deadline, and then at the one that is left', () => {
    const clock = new HandClock();
    const seen: number[] = [];
    const timer = new DeadlineTimer(clock, (now) => {
      seen.push(now);
      return now < 30 ? 30 : Infinity;
    });
    for (const deadline of [20, Infinity, 10, 30]) timer.by(deadline);
    clock.next();
    clock.next();
    expect(seen).toEqual([10, 30]);
    expect(clock.timer).toBeUndefined();
  });

  it('K3.1 asks the clock for months as for milliseconds: the clock alone cuts long waits', () => {
    const clock = new HandClock();
    const timer = new DeadlineTimer(clock, (now) => (now < 1e10 ? 1e10 : Infinity));
    timer.by(1e10);
    let times = 0;
    for (; clock.timer && times < 10; times++) clock.next();
    expect([clock.time, times]).toEqual([1e10, 1]);
  });

  it('is stopped, and may begin again', () => {
    const clock = new HandClock();
    const timer = new DeadlineTimer(clock, () => Infinity);
    timer.by(10);
    timer.stop();
    expect(clock.timer).toBeUndefined();
    timer.by(20);
    expect(clock.timer).toMatchObject({ at: 20 });
  });
});
