import { describe, expect, it } from '@jest/globals';
import { decide, type Decision } from './decision.js';
import type { Failure } from './outcome.js';
import type { RetryEnd } from './retry/retry-options.js';
import { RetryPolicy } from './retry/retry-policy.js';
import { RejectMessage, RequeueMessage, RetryMessage } from './settlement.errors.js';

const failed = (error: unknown, more: Partial<Failure> = {}): Failure => ({
  ok: false,
  error,
  refused: false,
  ...more,
});
const ERROR = new Error('failed');
/** The number of times that the queue still takes a message back. */
const OFTEN = 20;

describe('decide', () => {
  /** Three attempts, after 100 ms and 200 ms. */
  const policy = (end: RetryEnd = 'park', attempts = 3): RetryPolicy =>
    new RetryPolicy('Billing.onOrder', { attempts, backoff: (retry) => [100 * retry], then: end }, 'broker');

  const TABLE: readonly (readonly [what: string, failure: Failure, attempt: number, decision: Decision])[] = [
    ['an error, and attempts are left', failed(ERROR), 1, { kind: 'retry', delay: 100 }],
    ['the last attempt but one', failed(ERROR), 2, { kind: 'retry', delay: 200 }],
    ['the last attempt', failed(ERROR), 3, { kind: 'park' }],
    ['more attempts than there are now', failed(ERROR), 9, { kind: 'park' }],
    ['what is thrown and is no error', failed('no'), 1, { kind: 'retry', delay: 100 }],
    ['undefined is thrown', failed(undefined), 3, { kind: 'park' }],
    ['a guard or a pipe has refused it', failed(ERROR, { refused: true }), 1, { kind: 'park' }],
    ['RejectMessage', failed(new RejectMessage('no')), 1, { kind: 'dead-letter' }],
    ['RejectMessage by a guard', failed(new RejectMessage('no'), { refused: true }), 1, { kind: 'dead-letter' }],
    ['RequeueMessage', failed(new RequeueMessage('later')), 3, { kind: 'requeue' }],
    ['RetryMessage without a delay', failed(new RetryMessage()), 2, { kind: 'retry', delay: 200 }],
    ['RetryMessage beyond the attempts', failed(new RetryMessage('1m')), 99, { kind: 'retry', delay: 60_000 }],
    ['RetryMessage at once', failed(new RetryMessage(0)), 1, { kind: 'retry', delay: 1 }],
    ['RetryMessage by a pipe', failed(new RetryMessage(5), { refused: true }), 1, { kind: 'retry', delay: 5 }],
    ['whoever asked was told the error', failed(ERROR, { answered: true }), 1, { kind: 'answer' }],
    ['whoever asked was told to requeue', failed(new RequeueMessage('x'), { answered: true }), 1, { kind: 'answer' }],
  ];

  it.each(TABLE)('%s', (_, failure, attempt, decision) => {
    expect(decide(failure, attempt, policy(), OFTEN)).toEqual(decision);
  });

  it.each(['park', 'dead-letter', 'discard'] as const)('ends as the policy says: %s', (end) => {
    expect(decide(failed(ERROR), 3, policy(end), OFTEN)).toEqual({ kind: end });
    expect(decide(failed(ERROR, { refused: true }), 1, policy(end), OFTEN)).toEqual({ kind: end });
  });

  it('does not requeue what the queue would drop: that ends as the policy says', () => {
    const requeue = failed(new RequeueMessage('later'));
    expect([2, 1, 0].map((returns) => decide(requeue, 1, policy(), returns))).toEqual([
      { kind: 'requeue' },
      { kind: 'park' },
      { kind: 'park' },
    ]);
  });

  it('has no retry where one attempt is all, unless the handler asks for it', () => {
    const once = new RetryPolicy('Billing.onOrder', false, 'broker');
    expect(decide(failed(ERROR), 1, once, OFTEN)).toEqual({ kind: once.end });
    expect(decide(failed(new RetryMessage()), 1, once, OFTEN)).toEqual({ kind: 'retry', delay: 1_000 });
  });
});
