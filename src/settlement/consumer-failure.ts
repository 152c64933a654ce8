import type { Decision } from './decision.js';

/**
 * A message that was not handled, and how it was settled.
 *
 * @publicApi
 */
export interface ConsumerFailure {
  /** The handler, such as `BillingConsumer.onOrder`. */
  readonly consumer: string;
  /** The queue that the message was consumed from. */
  readonly queue: string;
  /** The message id; undefined if the publisher set none. */
  readonly messageId: string | undefined;
  /** Number of the failed attempt, from 1. */
  readonly attempt: number;
  /** The value that was thrown. */
  readonly cause: unknown;
  /** The error and its causes as text, without payload and credentials. */
  readonly reason: string;
  /** The settlement of the message. The event is emitted after the settlement was handed to the broker. */
  readonly decision: Decision['kind'];
  /** Delay until the retry, in ms; for `retry` only. */
  readonly delay: number | undefined;
  /** The id that the requester got in place of the error, see {@link RpcErrors}; for requests only. */
  readonly errorId: string | undefined;
}
