import { describe, expect, it } from '@jest/globals';
import { RateMeter } from './rate-meter.js';

describe('RateMeter', () => {
  let now = 0;
  const meter = (): RateMeter => {
    now = 500;
    return new RateMeter({ now: () => now });
  };
  const add = (rate: RateMeter, count: number): void => {
    for (let index = 0; index < count; index++) rate.add();
  };

  it('knows no rate in its first second', () => {
    const rate = meter();
    add(rate, 5);
    expect([rate.total, rate.perSecond]).toEqual([5, 0]);
  });

  it('takes the seconds that there were, up to ten', () => {
    const rate = meter();
    add(rate, 6);
    now = 1_000;
    expect(rate.perSecond).toBe(6);
    now = 3_999;
    expect(rate.perSecond).toBe(2);
    now = 10_000;
    expect(rate.perSecond).toBe(0.6);
  });

  it('leaves out the second at hand, and forgets what is older than ten', () => {
    const rate = meter();
    add(rate, 10);
    now = 10_500;
    add(rate, 100);
    expect(rate.perSecond).toBe(1);
    now = 11_000;
    expect(rate.perSecond).toBe(10);
    now = 21_000;
    expect([rate.total, rate.perSecond]).toEqual([110, 0]);
  });

  it('counts the events of its window and of the second at hand', () => {
    now = 0;
    const rate = new RateMeter({ now: () => now }, 60);
    add(rate, 3);
    now = 59_000;
    add(rate, 2);
    expect(rate.recent).toBe(5);
    now = 61_000;
    expect(rate.recent).toBe(2);
    now = 1_000_000;
    expect([rate.recent, rate.total]).toEqual([0, 5]);
  });

  it('forgets all after a long silence', () => {
    const rate = meter();
    add(rate, 10);
    now = 1_000_000;
    expect(rate.perSecond).toBe(0);
    add(rate, 20);
    now = 1_001_000;
    expect(rate.perSecond).toBe(2);
  });
});
