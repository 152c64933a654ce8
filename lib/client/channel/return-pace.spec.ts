import { describe, expect, it } from '@jest/globals';
import { NotFoundError, PreconditionFailedError } from '../errors.js';
import { ReturnPace } from './return-pace.js';

const NO_EXCHANGE = new NotFoundError('no exchange', { method: 'basic.publish' });
const UNKNOWN_TAG = new PreconditionFailedError('unknown delivery tag', { method: 'basic.ack' });
const LONGEST = { next: () => 1 };

describe('ReturnPace', () => {
  const paceOf = (attempts: number): ReturnPace => {
    const pace = new ReturnPace(attempts, LONGEST);
    pace.opened(0);
    return pace;
  };
  const returns = (pace: ReturnPace, error: NotFoundError, count: number): (number | undefined)[] =>
    Array.from({ length: count }, () => pace.after(error, 1_000).delay);

  it('lets a channel come back at once, then after growing waits, and closes it when its attempts are spent', () => {
    const pace = paceOf(3);
    expect(returns(pace, UNKNOWN_TAG, 4)).toEqual([0, 50, 100, undefined]);
  });

  it('never closes a channel for what it has published itself', () => {
    const pace = paceOf(1);
    expect(returns(pace, NO_EXCHANGE, 10).slice(0, 9)).toEqual([0, 50, 100, 200, 400, 800, 1_600, 2_000, 2_000]);
    expect(returns(pace, UNKNOWN_TAG, 2)).toEqual([2_000, undefined]);
  });

  it('begins anew once the channel was open for 2 s', () => {
    const pace = paceOf(1);
    pace.opened(1_000);
    expect(pace.after(UNKNOWN_TAG, 2_999).delay).toBe(0);
    pace.opened(3_000);
    expect(pace.after(UNKNOWN_TAG, 5_000).delay).toBe(0);
    pace.opened(6_000);
    expect(pace.after(UNKNOWN_TAG, 7_999).delay).toBeUndefined();
  });

  it('has a line for the first errors in a row only', () => {
    const pace = paceOf(9);
    const lines = Array.from({ length: 5 }, () => pace.after(NO_EXCHANGE, 0).line);
    expect(lines.map((line) => line?.includes('no exchange'))).toEqual([true, true, true, undefined, undefined]);
  });
});
