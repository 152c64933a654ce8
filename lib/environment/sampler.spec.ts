import { beforeEach, describe, expect, it } from '@jest/globals';
import { Sampler } from './sampler.js';

/** Returns the same numbers in [0, 1) in each run: a linear congruential generator. */
function numbers(): () => number {
  let state = 1;
  return () => (state = (state * 16_807) % 2_147_483_647) / 2_147_483_647;
}

describe('Sampler', () => {
  let sampler: Sampler;
  let now: number;

  beforeEach(() => {
    sampler = new Sampler({ next: numbers() });
    now = 0;
  });

  /** Takes events for some seconds, evenly. */
  const take = (perSecond: number, seconds: number): number[] =>
    Array.from({ length: perSecond * seconds }, () => {
      now += 1_000 / perSecond;
      return sampler.take(now);
    });
  const chosen = (weights: readonly number[]): number[] => weights.filter((weight) => weight > 0);
  const sum = (weights: readonly number[]): number => weights.reduce((all, weight) => all + weight, 0);

  it('chooses each event if they are few', () => {
    expect(chosen(take(20, 60))).toEqual(new Array(1_200).fill(1));
  });

  it.each([100, 5_000, 100_000])('chooses about 20 a second of %d', (perSecond) => {
    take(perSecond, 1);
    const count = chosen(take(perSecond, 30)).length / 30;
    expect(count).toBeGreaterThan(15);
    expect(count).toBeLessThan(25);
  });

  it('chooses some hundred in the first second of many, before it knows their rate', () => {
    const count = chosen(take(100_000, 1)).length;
    expect(count).toBeGreaterThan(100);
    expect(count).toBeLessThan(700);
  });

  it('gives weights whose sum is about the number of events, while their rate changes', () => {
    const weights = [take(50_000, 3), take(10, 30), take(3_000, 20), take(1, 100), take(50_000, 3)].flat();
    const ratio = sum(weights) / weights.length;
    expect(ratio).toBeGreaterThan(0.85);
    expect(ratio).toBeLessThan(1.15);
  });

  it('chooses each event again a second after the rate fell', () => {
    take(100_000, 3);
    take(1, 2);
    expect(take(1, 5)).toEqual([1, 1, 1, 1, 1]);
  });

  it('chooses each member of a regular pattern as often as the others', () => {
    const counts = [0, 0, 0, 0];
    take(4_000, 500).forEach((weight, index) => (counts[index % 4]! += weight));
    for (const count of counts) {
      expect(count / 500_000).toBeGreaterThan(0.9);
      expect(count / 500_000).toBeLessThan(1.1);
    }
  });
});
