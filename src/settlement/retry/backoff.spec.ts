import { describe, expect, it } from '@jest/globals';
import { ConfigurationError } from '../../../lib/client/index.js';
import { exponential, fixed } from './backoff.js';
import type { Duration } from '../../common/duration.js';

describe('backoffs', () => {
  const first = [1, 2, 3, 4, 5];

  it('exponential doubles up to its maximum; with jitter it may be half of that', () => {
    expect(first.map(exponential('1s', '5s', { jitter: false }))).toEqual([[1000], [2000], [4000], [5000], [5000]]);
    expect(first.slice(0, 3).map(exponential('1s', '1m'))).toEqual([
      [500, 1000],
      [1000, 2000],
      [2000, 4000],
    ]);
    expect(exponential(10, 1_000, { factor: 3, jitter: false })(3)).toEqual([90]);
  });

  it('fixed stays', () => {
    expect(first.map(fixed('5s'))).toEqual(first.map(() => [5000]));
    expect(fixed(0)(1)).toEqual([1]);
  });

  it('say what is wrong with them', () => {
    expect(exponential(0, 0, { jitter: false })(1)).toEqual([1]);
    expect(() => exponential('1m', '1s')).toThrow('max (1s) is less than initial (1m)');
    for (const factor of [0.5, NaN, '2'] as number[]) {
      expect(() => exponential('1s', '1m', { factor })).toThrow('exponential: factor must be a number of at least 1');
    }
    for (const wrong of ['soon', NaN, Infinity] as Duration[]) {
      expect(() => fixed(wrong)).toThrow(ConfigurationError);
      expect(() => exponential(wrong, '1m')).toThrow(/^exponential: initial must be milliseconds/);
    }
  });
});
