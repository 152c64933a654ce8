import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { getEventListeners } from 'node:events';
import { systemClock } from './clock.js';
import { untilAborted, within } from './within.js';

describe('untilAborted', () => {
  it('is the promise, when that is first', async () => {
    const { signal } = new AbortController();
    expect(await untilAborted(Promise.resolve(1), signal)).toBe(1);
    await expect(untilAborted(Promise.reject(new Error('its own')), signal)).rejects.toThrow('its own');
  });

  it('is the reason of the signal, when that is first, or was aborted before', async () => {
    const stop = new AbortController();
    const waiting = untilAborted(new Promise(() => {}), stop.signal);
    stop.abort(new Error('stopped'));
    await expect(waiting).rejects.toThrow('stopped');
    await expect(untilAborted(new Promise(() => {}), stop.signal)).rejects.toThrow('stopped');
  });
});

describe('within', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => {
    expect(jest.getTimerCount()).toBe(0);
    jest.useRealTimers();
  });

  const limits = { clock: systemClock, timeout: 100 };

  it('is the promise, when that is first', async () => {
    expect(await within(Promise.resolve(1), limits, () => 2)).toBe(1);
    await expect(within(Promise.reject(new Error('its own')), limits, () => 2)).rejects.toThrow('its own');
  });

  it('ends at the deadline, with what `late` returns or throws', async () => {
    const returned = within(new Promise<number>(() => {}), limits, () => 2);
    const thrown = within(new Promise<number>(() => {}), limits, () => {
      throw new Error('late');
    });
    thrown.catch(() => {});
    jest.advanceTimersByTime(100);
    expect(await returned).toBe(2);
    await expect(thrown).rejects.toThrow('late');
  });

  it.each(['succeed', 'fail'])('ends with what `late` throws, even if that makes the promise %s', async (end) => {
    let work = (): void => {};
    const promise = new Promise<void>((resolve, reject) => {
      work = end === 'succeed' ? resolve : () => reject(new Error('aborted'));
    });
    const waiting = within(promise, limits, () => {
      work();
      throw new Error('late');
    });
    waiting.catch(() => {});
    jest.advanceTimersByTime(100);
    await expect(waiting).rejects.toThrow('late');
  });

  it('ends with the reason of the signal, and listens no longer', async () => {
    const stop = new AbortController();
    const waiting = within(new Promise<number>(() => {}), { ...limits, signal: stop.signal }, () => 2);
    stop.abort(new Error('stopped'));
    await expect(waiting).rejects.toThrow('stopped');
    expect(getEventListeners(stop.signal, 'abort')).toEqual([]);
  });

  it('leaves the failure of work that comes too late alone', async () => {
    let reject: ((error: Error) => void) | undefined;
    const work = new Promise<number>((_, fail) => (reject = fail));
    const waiting = within(work, limits, () => 2);
    jest.advanceTimersByTime(100);
    expect(await waiting).toBe(2);
    reject?.(new Error('nobody waits'));
  });
});
