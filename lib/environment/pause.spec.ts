import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { systemClock, type Clock } from './clock.js';
import { pause } from './pause.js';

describe('pause', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => {
    expect(jest.getTimerCount()).toBe(0);
    jest.useRealTimers();
  });

  it('ends with its time, or with the signal', async () => {
    const stop = new AbortController();
    const short = pause(systemClock, 100, stop.signal);
    jest.advanceTimersByTime(100);
    await short;
    const long = pause(systemClock, 600_000, stop.signal);
    stop.abort();
    await long;
  });

  it('is none when the signal is aborted already', async () => {
    await pause(systemClock, 600_000, AbortSignal.abort());
  });

  it.each([true, false])('keeps the process alive: %s', async (keepAlive) => {
    const after = jest.fn<Clock['after']>(() => () => {});
    const stop = new AbortController();
    const waiting = pause({ after }, 5, stop.signal, { keepAlive });
    expect(after).toHaveBeenCalledWith(5, expect.any(Function), { keepAlive });
    stop.abort();
    await waiting;
  });
});
