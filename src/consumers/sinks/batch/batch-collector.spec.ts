import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { systemClock } from '../../../../lib/environment/index.js';
import { BatchCollector } from './batch-collector.js';

describe('BatchCollector', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  /** A collector, the batches that it made, and what ends the first of those that run. */
  function collect(concurrency = 1) {
    const batches: number[][] = [];
    const ends: (() => void)[] = [];
    const collector = new BatchCollector<number>(systemClock, { size: 3, maxWait: 100, concurrency }, (batch) => {
      batches.push(batch);
      return new Promise((resolve) => ends.push(resolve));
    });
    const add = (...items: number[]): void => items.forEach((item) => collector.add(item));
    const end = async (): Promise<void> => {
      ends.shift()!();
      await Promise.resolve();
    };
    return { batches, collector, add, end };
  }

  it('is full, or as old as it may get, from its first item on', () => {
    const { batches, add } = collect(5);
    add(1, 2, 3, 4);
    expect(batches).toEqual([[1, 2, 3]]);
    jest.advanceTimersByTime(60);
    add(5);
    jest.advanceTimersByTime(39);
    expect(batches).toHaveLength(1);
    jest.advanceTimersByTime(1);
    expect(batches).toEqual([
      [1, 2, 3],
      [4, 5],
    ]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('waits for its turn, and is still filled meanwhile', async () => {
    const { batches, add, end } = collect();
    add(1, 2, 3, 4);
    jest.advanceTimersByTime(100);
    expect(batches).toEqual([[1, 2, 3]]);
    add(5, 6, 7);
    await end();
    expect(batches[1]).toEqual([4, 5, 6]);
    // It was due when the batch before it was: it does not wait anew.
    await end();
    expect(batches[2]).toEqual([7]);
  });

  it('does not carry over that it was due to what comes later', async () => {
    const { batches, add, end, collector } = collect();
    add(1);
    collector.flush();
    await end();
    add(2);
    expect(batches).toEqual([[1]]);
    jest.advanceTimersByTime(100);
    expect(batches).toEqual([[1], [2]]);
  });

  it('flushes nothing of nothing', () => {
    const { batches, add, collector } = collect();
    collector.flush();
    add(1);
    expect(batches).toEqual([]);
  });

  it('gives back what no batch has got', () => {
    const { batches, add, collector } = collect();
    add(1, 2, 3, 4, 5);
    expect(collector.clear()).toEqual([4, 5]);
    expect(jest.getTimerCount()).toBe(0);
    expect(batches).toEqual([[1, 2, 3]]);
  });
});
