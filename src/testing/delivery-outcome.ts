/** How the way of a message ended. */
export type DeliveryResult =
  /** Handled, or settled by the handler itself; with `noAck` delivered. */
  | 'acked'
  /** Its attempts are spent, or it was refused: it is in `<queue>.parked`. */
  | 'parked'
  /** It went to the dead-letter exchange of its queue, and on to the queues in `movedTo`. */
  | 'dead-lettered'
  /** Rejected, and gone: its queue has no dead-letter exchange, or nothing is bound there. */
  | 'rejected'
  /** Acknowledged though it failed (`retry.then: 'discard'`). */
  | 'discarded'
  /** A request whose answer was the error. */
  | 'answered'
  /** It is gone without having been handled: expired, over its queue's limit, or delivered too often. */
  | 'dropped'
  /** It waits for its retry; only with `delays: 'stop'`. */
  | 'waiting';

/**
 * What became of a message that a test has delivered.
 *
 * @publicApi
 */
export interface DeliveryOutcome {
  readonly result: DeliveryResult;
  /** The queue that it was delivered to. */
  readonly queue: string;
  readonly messageId: string | undefined;
  /** How often the handler was asked, its first time included; redeliveries do not count. */
  readonly attempts: number;
  /** What came between the attempts, in ms. */
  readonly delays: readonly number[];
  /** How often the broker has delivered it: more than `attempts` when it was given back. */
  readonly deliveries: number;
  /** What the last attempt has thrown; undefined when it succeeded. */
  readonly error: unknown;
  /** What each attempt has thrown, the first one first. */
  readonly errors: readonly unknown[];
  /** `BillingConsumer.onOrder`; known when an attempt has failed. */
  readonly consumer: string | undefined;
  /** The queues where it is now: `['billing.parked']`, those of a dead letter, or a delay queue's. */
  readonly movedTo: readonly string[];
}
