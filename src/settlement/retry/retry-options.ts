import type { Backoff } from './backoff.js';
import type { Duration } from '../../common/duration.js';

/** The settlement of a message after its last attempt, or if it must not be retried. */
export type RetryEnd = 'park' | 'dead-letter' | 'discard' | 'stop';

/**
 * Retries of messages whose handler throws.
 *
 * @publicApi
 */
export interface RetryOptions {
  /** Number of times the handler is called with a message, including the first; Infinity for no limit. Default 3. */
  readonly attempts?: number;
  /** Delays between attempts: `exponential()`, `fixed()`, or your own function. Default `exponential('1s', '30s')`. */
  readonly backoff?: Backoff;
  /**
   * Further delays that handlers use in `RetryMessage(delay)`; each has a delay queue of its own. Default:
   * none.
   */
  readonly delays?: readonly Duration[];
  /**
   * The end: `park` keeps the message in `<queue>.parked`, with its failure; `dead-letter` rejects it, for the dead-letter
   * exchange of its queue (without one it is dropped); `discard` drops it. `stop`, on streams only, ends the consumer
   * before the message. Default `park`; on exclusive and server-named queues, whose messages die with the connection
   * anyway, `dead-letter`.
   */
  readonly then?: RetryEnd;
}
