import { describe, expect, it } from '@jest/globals';
import { exponential, fixed } from './backoff.js';
import type { RetryOptions } from './retry-options.js';
import { RetryPolicy } from './retry-policy.js';

describe('RetryPolicy', () => {
  it('is three attempts from 1 s to 30 s with jitter, then parked', () => {
    const policy = new RetryPolicy('Billing.onOrder', undefined, 'broker');
    expect(policy).toMatchObject({ attempts: 3, end: 'park', levels: [500, 1000, 2000] });
    const delays = new Set(Array.from({ length: 200 }, () => policy.delayAfter(1)));
    expect([...delays].toSorted((a, b) => a - b)).toEqual([500, 1000]);
  });

  it('draws from what the backoff gives for the attempt that failed, the last retry for all later ones', () => {
    const retry = { attempts: 3, backoff: exponential('1s', '1m') };
    expect(new RetryPolicy('Billing.onOrder', retry, 'broker', { next: () => 0.99 }).delayAfter(2)).toBe(2000);
    expect(new RetryPolicy('Billing.onOrder', retry, 'broker', { next: () => 0 }).delayAfter(2)).toBe(1000);
    expect(new RetryPolicy('Billing.onOrder', retry, 'broker', { next: () => 0.99 }).delayAfter(7)).toBe(2000);
  });

  it('parks at the first failure without retry, and has a delay for RetryMessage all the same', () => {
    const policy = new RetryPolicy('Billing.onOrder', false, 'broker');
    expect(policy).toMatchObject({ attempts: 1, end: 'park', levels: [] });
    expect(policy.delayAfter(1)).toBe(1000);
  });

  it('ends with a reject where messages die with the connection', () => {
    expect(new RetryPolicy('Billing.onOrder', undefined, 'process').end).toBe('dead-letter');
    expect(new RetryPolicy('Billing.onOrder', { then: 'park' }, 'process').end).toBe('park');
    expect(new RetryPolicy('Billing.onOrder', undefined, 'stream').end).toBe('park');
  });

  it('has a level for each delay, the further ones too', () => {
    const retry: RetryOptions = { attempts: 4, backoff: fixed('1s'), delays: ['10m', '1s'] };
    expect(new RetryPolicy('Billing.onOrder', retry, 'broker').levels).toEqual([1000, 600_000]);
  });

  it.each([
    [{ attempts: 0 }, 'retry.attempts must be a whole number from 1, or Infinity for no limit; it is the number 0'],
    [{ backoff: 20 as never }, 'retry.backoff must be a function'],
    [{ attempts: 2.5 }, 'it is the number 2.5'],
    [{ then: 'stop' }, "'stop' is for streams"],
    [{ attempts: 100, backoff: (retry: number) => [retry] }, 'more than 50 different delays'],
    [{ backoff: () => undefined }, 'retry.backoff gives no array (undefined) for retry 1'],
    [{ backoff: () => [] }, 'retry.backoff gives [] for retry 1'],
    [{ backoff: () => [0] }, 'retry.backoff gives [0] for retry 1'],
    [{ delays: ['soon'] }, 'retry.delays must be milliseconds from 0'],
    [{ attemps: 3 }, "unknown option 'attemps'; did you mean 'attempts'? Known are: attempts, backoff, delays, then"],
    [[], 'retry: expected an object with options, got an array'],
    [true, 'retry: expected an object with options, got boolean'],
    [null, 'retry: expected an object with options, got null'],
    [{ delays: '10s' }, "retry.delays must be an array; it is a string, '10s'"],
    [
      { backoff: () => 1e12 },
      'retry.backoff gives [1000000000000] for retry 1: give whole milliseconds from 1, one or more, 49 days at most',
    ],
    [
      {
        backoff: () => {
          throw new RangeError('no such delay');
        },
      },
      'retry.backoff throws for retry 1: RangeError: no such delay',
    ],
  ])('refuses %p, and names the handler', (retry, message) => {
    const create = (): RetryPolicy => new RetryPolicy('Billing.onOrder', retry as RetryOptions, 'broker');
    expect(create).toThrow(message);
    expect(create).toThrow(/^Billing\.onOrder: retry/);
  });
});
