import { describe, expect, it } from '@jest/globals';
import { Quantiles } from './quantiles.js';

const FRACTIONS = [0.5, 0.95];

describe('Quantiles', () => {
  it('has no values at first', () => {
    expect(new Quantiles(0).of(FRACTIONS, 0)).toBeUndefined();
  });

  it('is at most 10 % too high, and never too low', () => {
    const quantiles = new Quantiles(0);
    for (let ms = 1; ms <= 1_000; ms++) quantiles.record(ms, 0);
    const [p50, p95] = quantiles.of(FRACTIONS, 0)!;
    expect(p50).toBeGreaterThanOrEqual(500 * 0.999);
    expect(p50).toBeLessThan(550);
    expect(p95).toBeGreaterThanOrEqual(950 * 0.999);
    expect(p95).toBeLessThan(1_045);
  });

  it.each([0, 0.000_1, 1e9])('takes %d ms, too', (ms) => {
    const quantiles = new Quantiles(0);
    quantiles.record(ms, 0);
    expect(quantiles.of(FRACTIONS, 0)![0]).toBeGreaterThan(0);
  });

  it('counts a value as often as its weight says', () => {
    const quantiles = new Quantiles(0);
    for (let count = 0; count < 9; count++) quantiles.record(1, 0, 10);
    for (let count = 0; count < 10; count++) quantiles.record(1_000, 0);
    const [p50, p95] = quantiles.of(FRACTIONS, 0)!;
    expect(p50).toBeLessThan(2);
    expect(p95).toBeGreaterThan(900);
  });

  it('forgets what is older than two minutes', () => {
    const quantiles = new Quantiles(0);
    quantiles.record(1_000, 0);
    quantiles.record(1, 70_000);
    expect(quantiles.of([1], 119_000)![0]).toBeGreaterThan(900);
    expect(quantiles.of([1], 131_000)![0]).toBeLessThan(2);
    expect(quantiles.of([1], 400_000)).toBeUndefined();
  });
});
