import { describe, expect, it } from '@jest/globals';
import { ConfigurationError } from '../../../lib/client/index.js';
import { exponential, fixed } from './backoff.js';
import { milliseconds, type Duration } from '../../common/duration.js';

describe('durations', () => {
  it.each([
    [1_500, 1_500],
    ['500ms', 500],
    ['1.5s', 1_500],
    ['10m', 600_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
  ] as [Duration, number][])('%p is %d ms', (duration, ms) => {
    expect(milliseconds(duration, 'delay')).toBe(ms);
  });

  it.each(['1', 's', '1 s', '-1s', '1w', -1, NaN, Infinity, '50d', ''])('%p is none', (duration) => {
    expect(() => milliseconds(duration as Duration, 'fixed')).toThrow(ConfigurationError);
    expect(() => milliseconds(duration as Duration, 'fixed')).toThrow(/^fixed: '/);
  });
});

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
    expect(() => exponential('1m', '1s')).toThrow('max (1s) is less than initial (1m)');
    expect(() => exponential('1s', '1m', { factor: 0.5 })).toThrow('factor must be a number of at least 1, not 0.5');
  });
});
