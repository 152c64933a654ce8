import type { RetryPolicy } from './retry/retry-policy.js';
import { milliseconds } from '../common/duration.js';
import { RejectMessage, RequeueMessage, RetryMessage } from './settlement.errors.js';
import type { Failure } from './outcome.js';

/** The settlement of a message whose handling failed. */
export type Decision =
  /** Delivered again after `delay` ms. */
  | { readonly kind: 'retry'; readonly delay: number }
  /** Moved to `<queue>.parked`. */
  | { readonly kind: 'park' }
  /** Rejected: sent to the queue's dead-letter exchange, or dropped if there is none. */
  | { readonly kind: 'dead-letter' }
  /** Returned unchanged to its queue. */
  | { readonly kind: 'requeue' }
  /** Acknowledged although it failed. */
  | { readonly kind: 'discard' }
  /** Left in the stream; its consumer stops. */
  | { readonly kind: 'stop' }
  /** Acknowledged: the error was sent as the reply to the request. */
  | { readonly kind: 'answer' }
  /** Settled by the handler before it failed. */
  | { readonly kind: 'settled' };

/**
 * Decides how a failed message is settled. This is the only place that decides it.
 *
 * @param attempt number of the failed attempt, from 1
 * @param returns how many more times the queue accepts the message back; after that it drops the message
 */
export function decide(
  { error, refused, answered }: Failure,
  attempt: number,
  policy: RetryPolicy,
  returns: number,
): Decision {
  if (answered) return { kind: 'answer' };
  if (error instanceof RejectMessage) return { kind: 'dead-letter' };
  // The last return is reserved for a loss of the connection.
  if (error instanceof RequeueMessage) return { kind: returns > 1 ? 'requeue' : policy.end };
  if (error instanceof RetryMessage) return { kind: 'retry', delay: askedDelay(error, attempt, policy) };
  if (!refused && attempt < policy.attempts) return { kind: 'retry', delay: policy.delayAfter(attempt) };
  return { kind: policy.end };
}

function askedDelay({ delay }: RetryMessage, attempt: number, policy: RetryPolicy): number {
  return delay === undefined ? policy.delayAfter(attempt) : Math.max(1, milliseconds(delay, 'RetryMessage'));
}
