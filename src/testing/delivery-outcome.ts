/** The settlement of a message. */
export type DeliveryResult =
  /** The handler returned or settled the message itself; with `noAck`, the message was delivered. */
  | 'acked'
  /** All attempts failed, or the message was refused: it is in `<queue>.parked`. */
  | 'parked'
  /** The queue's dead-letter exchange sent it to the queues in `movedTo`. */
  | 'dead-lettered'
  /** It was rejected and is gone: its queue has no dead-letter exchange, or nothing is bound to that exchange. */
  | 'rejected'
  /** It failed and was acknowledged all the same (`retry.then: 'discard'`). */
  | 'discarded'
  /** It was a request, and its error was sent as the reply. */
  | 'answered'
  /** The broker removed it unhandled: it expired, or exceeded the queue's limit or delivery limit. */
  | 'dropped'
  /** It waits for a retry; only with `delays: 'stop'`. */
  | 'waiting';

/**
 * The outcome of a message that a test delivered.
 *
 * @publicApi
 */
export interface DeliveryOutcome {
  /** The final result of the message. */
  readonly result: DeliveryResult;
  /** The queue that the test delivered to. */
  readonly queue: string;
  /** The message id. */
  readonly messageId: string | undefined;
  /** Number of times the handler was called, including the first; redeliveries of an attempt do not count. */
  readonly attempts: number;
  /** Delays between the attempts, in ms. */
  readonly delays: readonly number[];
  /** Number of times the broker delivered the message; more than `attempts` if it was requeued. */
  readonly deliveries: number;
  /** The error of the last attempt; undefined if it succeeded. */
  readonly error: unknown;
  /** The error of each failed attempt, in order. */
  readonly errors: readonly unknown[];
  /** The failed consumer, such as `BillingConsumer.onOrder`; undefined if no attempt failed. */
  readonly consumer: string | undefined;
  /**
   * The queues where the message is now: `['billing.parked']`, the queues of a dead-lettered message, or a delay queue.
   */
  readonly movedTo: readonly string[];
}
