import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { systemClock } from './clock.js';

const LONGEST_TIMER = 2 ** 31 - 1;

describe('systemClock', () => {
  it('now never runs backwards, wallTime is that of the machine', () => {
    const [before, wall, after] = [systemClock.now(), systemClock.wallTime(), systemClock.now()];
    expect(after).toBeGreaterThanOrEqual(before);
    expect(Math.abs(wall - Date.now())).toBeLessThan(60_000);
  });

  it('afterPendingEvents: behind what waits, and not at once', async () => {
    const order: string[] = [];
    setImmediate(() => order.push('waiting'));
    const done = new Promise<void>((resolve) => {
      systemClock.afterPendingEvents(() => {
        order.push('after');
        resolve();
      });
    });
    order.push('now');
    await done;
    expect(order).toEqual(['now', 'waiting', 'after']);
  });

  describe('after, on timers that a test turns', () => {
    beforeEach(() => void jest.useFakeTimers());
    afterEach(() => void jest.useRealTimers());

    it('runs once, when its delay is over', () => {
      const run = jest.fn();
      systemClock.after(100, run);
      jest.advanceTimersByTime(99);
      expect(run).not.toHaveBeenCalled();
      jest.advanceTimersByTime(1_000);
      expect(run).toHaveBeenCalledTimes(1);
    });

    it('does not run when it is cancelled', () => {
      const run = jest.fn();
      systemClock.after(100, run)();
      jest.advanceTimersByTime(1_000);
      expect(run).not.toHaveBeenCalled();
      expect(jest.getTimerCount()).toBe(0);
    });

    it('Infinity is never, and no timer', () => {
      const run = jest.fn();
      const cancel = systemClock.after(Infinity, run);
      expect(jest.getTimerCount()).toBe(0);
      cancel();
      expect(run).not.toHaveBeenCalled();
    });

    it.each([0, 1, LONGEST_TIMER])('a delay of 2^31-1 and %i ms more is waited for in pieces', (more) => {
      const delays = jest.spyOn(globalThis, 'setTimeout');
      const run = jest.fn();
      systemClock.after(LONGEST_TIMER + more, run);
      jest.advanceTimersByTime(LONGEST_TIMER + more - 1);
      expect(run).not.toHaveBeenCalled();
      jest.advanceTimersByTime(1);
      expect(run).toHaveBeenCalledTimes(1);
      // Node takes what is longer for 1 ms, which a test's timers do not.
      for (const [, delay] of delays.mock.calls) expect(delay).toBeLessThanOrEqual(LONGEST_TIMER);
      delays.mockRestore();
    });

    it('a long wait is cancelled in its second piece, too', () => {
      const run = jest.fn();
      const cancel = systemClock.after(2 * LONGEST_TIMER, run);
      jest.advanceTimersByTime(LONGEST_TIMER + 1);
      cancel();
      jest.advanceTimersByTime(LONGEST_TIMER);
      expect(run).not.toHaveBeenCalled();
      expect(jest.getTimerCount()).toBe(0);
    });
  });

  it.each([
    [undefined, true],
    [true, true],
    [false, false],
  ])('keepAlive %s: the process waits: %s', (keepAlive, waits) => {
    const unref = jest.spyOn(setTimeout(() => {}).constructor.prototype as NodeJS.Timeout, 'unref');
    try {
      systemClock.after(1_000, () => {}, keepAlive === undefined ? {} : { keepAlive })();
      expect(unref).toHaveBeenCalledTimes(waits ? 0 : 1);
    } finally {
      unref.mockRestore();
    }
  });
});
