import { describe, expect, it } from '@jest/globals';
import { Unacked, type UnackedDelivery } from './unacked.js';

describe('Unacked', () => {
  const delivery = (deliveryTag: number) => ({ deliveryTag }) as UnackedDelivery;
  const tags = (deliveries: readonly UnackedDelivery[]) => deliveries.map(({ deliveryTag }) => deliveryTag);
  const upTo = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

  function filled(count: number): Unacked {
    const unacked = new Unacked();
    for (const tag of upTo(1, count)) unacked.add(delivery(tag));
    return unacked;
  }

  it.each([
    ['few of many', 3],
    ['half', 10],
    ['most', 17],
    ['all', 20],
  ])('takes %s in order; the others stay in order, and new ones come behind them', (_, last) => {
    const unacked = filled(20);
    expect(tags(unacked.take(last, true))).toEqual(upTo(1, last));
    expect(unacked.size).toBe(20 - last);
    unacked.add(delivery(21));
    expect(() => unacked.take(last, false)).toThrow(/unknown delivery tag/);
    expect(tags(unacked.take(21, true))).toEqual(upTo(last + 1, 21));
    expect(unacked.size).toBe(0);
  });

  it('leaves out what was settled alone, and refuses its tag', () => {
    const unacked = filled(5);
    expect(tags(unacked.take(2, false))).toEqual([2]);
    expect(() => unacked.take(2, true)).toThrow(/unknown delivery tag/);
    expect(tags(unacked.take(4, true))).toEqual([1, 3, 4]);
    expect(tags(unacked.take(0, true))).toEqual([5]);
  });
});
