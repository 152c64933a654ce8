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

/**
 * The table of settlements, for what failed.
 *
 * @param attempt the one that has failed, from 1
 * @param returns how often the queue takes the message back and delivers it again; it drops the message beyond that
 */
export function decide(
  { error, refused, answered }: Failure,
  attempt: number,
  policy: RetryPolicy,
  returns: number,
): Decision {
  if (answered) return { kind: 'answer' };
  if (error instanceof RejectMessage) return { kind: 'dead-letter' };
  // The last return is left to losses of the connection, which nobody decides.
  if (error instanceof RequeueMessage) return { kind: returns > 1 ? 'requeue' : policy.end };
  if (error instanceof RetryMessage) return { kind: 'retry', delay: askedDelay(error, attempt, policy) };
  if (!refused && attempt < policy.attempts) return { kind: 'retry', delay: policy.delayAfter(attempt) };
  return { kind: policy.end };
}

function askedDelay({ delay }: RetryMessage, attempt: number, policy: RetryPolicy): number {
  return delay === undefined ? policy.delayAfter(attempt) : Math.max(1, milliseconds(delay, 'RetryMessage'));
}
