import type { Backoff } from './backoff.js';
import type { Duration } from '../../common/duration.js';

/** What becomes of a message whose attempts are spent, or that is never to be retried. */
export type RetryEnd = 'park' | 'dead-letter' | 'discard' | 'stop';

/**
 * What happens to messages whose handler throws.
 *
 * @publicApi
 */
export interface RetryOptions {
  /** Times that the handler gets a message, the first included; Infinity for no limit. Default 3. */
  readonly attempts?: number;
  /** The delays between them: `exponential()`, `fixed()`, or your own. Default `exponential('1s', '30s')`. */
  readonly backoff?: Backoff;
  /** Further delays that handlers ask for by `RetryMessage(delay)`: their delay queues are declared, too. */
  readonly delays?: readonly Duration[];
  /**
   * The end: `park` keeps the message in `<queue>.parked`, with its failure; `dead-letter` rejects it, for the dead-letter
   * exchange of its queue (without one it is dropped); `discard` drops it. `stop`, on streams only, ends the consumer
   * before the message. Default `park`; on exclusive and server-named queues, whose messages die with the connection
   * anyway, `dead-letter`.
   */
  readonly then?: RetryEnd;
}
