import { nameErrors } from '../../lib/shown/index.js';
import { milliseconds, type Duration } from '../common/duration.js';
import { AmqpError, TimeoutError } from '../../lib/client/index.js';

/**
 * Thrown by a handler to reject the message at once, without retries. The message goes to the queue's dead-letter
 * exchange (https://www.rabbitmq.com/docs/dlx), or is dropped if there is none.
 *
 * @example
 * ```ts
 * if (order.total === 0) throw new RejectMessage('nothing to bill');
 * ```
 *
 * @publicApi
 */
export class RejectMessage extends Error {}

/**
 * Thrown by a handler to return the message unchanged to its queue, for this or another consumer. A message that was
 * redelivered before returns after one second, so that it does not loop at full speed. Does not count as an attempt.
 * Quorum queues count it as a delivery and drop the message beyond their delivery limit (20 by default on RabbitMQ 4);
 * the message is parked before that.
 *
 * @example
 * ```ts
 * if (this.warmingUp) throw new RequeueMessage('cache is not ready');
 * ```
 *
 * @publicApi
 */
export class RequeueMessage extends Error {}

/**
 * Thrown by a handler to retry the message after a delay, whatever its number of attempts. Check `context.attempt` to
 * stop at some point.
 *
 * @example
 * ```ts
 * if (context.attempt < 100) throw new RetryMessage('10m');
 * ```
 *
 * @throws ConfigurationError for an invalid delay, or one of more than 49 days
 * @publicApi
 */
export class RetryMessage extends Error {
  constructor(
    /** Milliseconds, or a text such as `'10m'`; at most 49 days. Default: the consumer's backoff for this attempt. */
    readonly delay?: Duration,
    message = 'the handler asked for a retry',
    options?: { readonly cause?: unknown },
  ) {
    super(message, options);
    if (delay !== undefined) milliseconds(delay, 'RetryMessage');
  }
}

/** Replaces a thrown value that throws itself when it is read: a Proxy, or an error whose getters throw. */
export class UnreadableError extends AmqpError {}

/** The handler ran longer than the consumer's `timeout`. This is the reason of `context.signal`. */
export class HandlerTimeoutError extends TimeoutError {
  constructor(
    /** The consumer's `timeout` in ms. */
    readonly timeout: number,
  ) {
    super(`the handler did not return within ${timeout} ms (timeout)`);
  }
}

/**
 * The channel of the message was lost while its handler ran, or was closed when the application stopped. The broker
 * delivers the message again, to any consumer. This is the reason of `context.signal`; `cause` says why.
 */
export class StaleDeliveryError extends AmqpError {}

/**
 * The queue would drop the message at its next return, since it was delivered as often as the quorum queue's limit
 * allows.
 */
export class DeliveryLimitError extends AmqpError {
  constructor(
    /** Number of deliveries before this one. */
    readonly deliveries: number,
    /** The queue's `x-delivery-limit`. */
    readonly limit: number,
  ) {
    super(
      `it was delivered ${deliveries} times before, and none of its consumers has settled it; the delivery limit of its ` +
        `queue is ${limit}`,
    );
  }
}

/** The message exceeds the connection's `maxMessageSize`: it was not read, and no handler got it. */
export class MessageTooLargeError extends AmqpError {
  constructor(
    /** Size of the body in bytes. */
    readonly size: number,
    /** The connection's `maxMessageSize` in bytes. */
    readonly limit: number,
  ) {
    super(`its body has ${size} bytes, and maxMessageSize is ${limit}`);
  }
}

nameErrors({
  RejectMessage,
  RequeueMessage,
  RetryMessage,
  UnreadableError,
  HandlerTimeoutError,
  StaleDeliveryError,
  DeliveryLimitError,
  MessageTooLargeError,
});
