import { describe, expect, it } from '@jest/globals';
import { ConfigurationError } from '../../lib/client/index.js';
import { count } from './count.js';
import { milliseconds, timeLimit, type Duration } from './duration.js';

const GOOD: [Duration, number][] = [
  [0, 0],
  [1_500, 1_500],
  ['500ms', 500],
  ['1.5s', 1_500],
  ['10m', 600_000],
  ['2h', 7_200_000],
  ['1d', 86_400_000],
];
const BAD: [unknown, string][] = [
  ['1', "a string, '1'"],
  ['s', "a string, 's'"],
  ['1 s', "a string, '1 s'"],
  ['-1s', "a string, '-1s'"],
  ['1w', "a string, '1w'"],
  ['', "a string, ''"],
  ['amqp://user:password@host', "a string, 'amqp://user:password…'"],
  [-1, 'the number -1'],
  [NaN, 'the number NaN'],
  [-Infinity, 'the number -Infinity'],
  [null, 'null'],
  [true, 'true'],
  [['1s'], 'an array'],
  [{}, 'an object'],
  [10n, 'of type bigint'],
];

describe('K3.1 durations', () => {
  it.each(GOOD)('%p is %d ms', (duration, ms) => {
    expect(milliseconds(duration, 'delay')).toBe(ms);
    expect(timeLimit(duration, 'timeout')).toBe(ms);
  });

  it.each(BAD)('%p is none: the error names the option, what is allowed, and that it is %s', (wrong, described) => {
    const duration = wrong as Duration;
    const allowed = "milliseconds from 0, or text such as '10s' (units ms, s, m, h, d)";
    expect(() => timeLimit(duration, 'gracePeriod')).toThrow(
      new ConfigurationError(`gracePeriod must be ${allowed}, or Infinity for no limit; it is ${described}`),
    );
    expect(() => milliseconds(duration, 'delay')).toThrow(
      new ConfigurationError(`delay must be ${allowed}, 49 days at most; it is ${described}`),
    );
  });

  it('Infinity is no limit for what waits here, and no time for the broker, which takes 49 days at most', () => {
    expect(timeLimit(Infinity, 'timeout')).toBe(Infinity);
    expect(timeLimit('60d', 'timeout')).toBe(60 * 86_400_000);
    for (const long of [Infinity, '50d'] as const) {
      expect(() => milliseconds(long, 'messageTtl')).toThrow(ConfigurationError);
    }
  });
});

describe('K6 6.4 counts', () => {
  it('are whole numbers within their range, or Infinity', () => {
    expect(count(0, 'limit', { min: 0 })).toBe(0);
    expect(count(5, 'limit', { min: 5, max: 5 })).toBe(5);
    expect(count(Infinity, 'limit', { min: 1, max: 5 })).toBe(Infinity);
  });

  it.each([0, 6, 1.5, NaN, -1, '3', null, {}, [3], true])('%p is none from 1 to 5', (wrong) => {
    expect(() => count(wrong as number, 'limit', { min: 1, max: 5 })).toThrow(ConfigurationError);
    expect(() => count(wrong as number, 'limit', { min: 1, max: 5 })).toThrow(
      /^limit must be a whole number from 1 to 5, or Infinity for no limit; it is /,
    );
  });

  it('say so where there has to be a limit', () => {
    expect(() => count(Infinity, 'size', { min: 1, unlimited: false })).toThrow(
      new ConfigurationError('size must be a whole number from 1; it is the number Infinity'),
    );
  });
});
