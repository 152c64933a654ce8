import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { systemClock } from '../../lib/environment/index.js';
import type { Delivery } from '../../lib/client/index.js';
import { HeldDeliveries } from './held-deliveries.js';

const delivery = (deliveryTag: number): Delivery => ({ deliveryTag }) as Delivery;

describe('HeldDeliveries', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  it('runs each after its time, and once', () => {
    const held = new HeldDeliveries(systemClock);
    const ran: number[] = [];
    for (const [tag, ms] of [[1, 200], [2, 100]] as const) held.add(delivery(tag), ms, () => ran.push(tag)); // prettier-ignore
    jest.advanceTimersByTime(150);
    expect(ran).toEqual([2]);
    jest.advanceTimersByTime(1_000);
    expect(ran).toEqual([2, 1]);
    expect(held.end()).toEqual([]);
  });

  it('gives back what waits when it ends, and none of it runs any more', () => {
    const held = new HeldDeliveries(systemClock);
    const ran: number[] = [];
    const [one, two] = [delivery(1), delivery(2)];
    held.add(one, 100, () => ran.push(1));
    held.add(two, 300, () => ran.push(2));
    jest.advanceTimersByTime(100);
    expect(held.end()).toEqual([two]);
    // No timer is left that would keep the process.
    expect(jest.getTimerCount()).toBe(0);
    jest.advanceTimersByTime(1_000);
    expect([ran, held.end()]).toEqual([[1], []]);
  });

  it('takes others after its end', () => {
    const held = new HeldDeliveries(systemClock);
    held.end();
    const run = jest.fn();
    held.add(delivery(1), 5, run);
    jest.advanceTimersByTime(5);
    expect(run).toHaveBeenCalledTimes(1);
  });
});
