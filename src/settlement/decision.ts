import type { RetryPolicy } from './retry/retry-policy.js';
import { milliseconds } from '../common/duration.js';
import { RejectMessage, RequeueMessage, RetryMessage } from './settlement.errors.js';
import type { Failure } from './outcome.js';

/** What becomes of a message that was not handled. */
export type Decision =
  /** It comes again after so many milliseconds. */
  | { readonly kind: 'retry'; readonly delay: number }
  /** Kept in `<queue>.parked`. */
  | { readonly kind: 'park' }
  /** Rejected: dead-lettered where its queue says so, else dropped. */
  | { readonly kind: 'dead-letter' }
  /** Back to its queue as it is. */
  | { readonly kind: 'requeue' }
  /** Acknowledged though it failed. */
  | { readonly kind: 'discard' }
  /** Left where it is, and the consumer of the stream ends. */
  | { readonly kind: 'stop' }
  /** Acknowledged: the failure was the answer to the request. */
  | { readonly kind: 'answer' }
  /** The handler has settled it before it failed. */
  | { readonly kind: 'settled' };

/** The table of settlements, for what failed. @param attempt the one that has failed, from 1 */
export function decide({ error, refused, answered }: Failure, attempt: number, policy: RetryPolicy): Decision {
  if (answered) return { kind: 'answer' };
  if (error instanceof RejectMessage) return { kind: 'dead-letter' };
  if (error instanceof RequeueMessage) return { kind: 'requeue' };
  if (error instanceof RetryMessage) return { kind: 'retry', delay: askedDelay(error, attempt, policy) };
  if (!refused && attempt < policy.attempts) return { kind: 'retry', delay: policy.delayAfter(attempt) };
  return { kind: policy.end };
}

function askedDelay({ delay }: RetryMessage, attempt: number, policy: RetryPolicy): number {
  if (delay === undefined) return policy.delayAfter(attempt);
  try {
    return Math.max(1, milliseconds(delay, 'RetryMessage'));
  } catch {
    // A delay that is none must not cost the message.
    return policy.delayAfter(attempt);
  }
}
