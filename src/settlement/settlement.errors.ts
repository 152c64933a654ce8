import { milliseconds, type Duration } from '../common/duration.js';
import { AmqpError, TimeoutError } from '../../lib/client/index.js';

/**
 * Thrown by a handler: the message is rejected at once, without a retry. It is dead-lettered where its queue says so
 * (https://www.rabbitmq.com/docs/dlx), and dropped where it does not.
 *
 * @publicApi
 */
export class RejectMessage extends Error {
  static {
    this.prototype.name = 'RejectMessage';
  }
}

/**
 * Thrown by a handler: the message goes back to its queue as it is, for this or another consumer. One that was
 * redelivered already goes back after a second, lest it go round as fast as the broker can send it. Does not count as an
 * attempt. Quorum queues count it as a delivery and drop the message beyond their delivery limit (20 by default on
 * RabbitMQ 4): before that it is parked.
 *
 * @publicApi
 */
export class RequeueMessage extends Error {
  static {
    this.prototype.name = 'RequeueMessage';
  }
}

/**
 * Thrown by a handler: the message comes again after this delay, however many attempts its policy allows. Ask
 * `context.attempt` when to stop.
 *
 * @throws ConfigurationError for a delay that is none, or longer than 49 days
 * @publicApi
 */
export class RetryMessage extends Error {
  static {
    this.prototype.name = 'RetryMessage';
  }

  constructor(
    /** Milliseconds, or text such as `'10m'`, 49 days at most. Default: the consumer's backoff for this attempt. */
    readonly delay?: Duration,
    message = 'the handler asked for a retry',
    options?: ErrorOptions,
  ) {
    super(message, options);
    if (delay !== undefined) milliseconds(delay, 'RetryMessage');
  }
}

/** Stands for what a handler has thrown and what throws itself when it is looked at: a Proxy, or an error whose getters throw. */
export class UnreadableError extends AmqpError {
  static {
    this.prototype.name = 'UnreadableError';
  }
}

/** The handler of a message has run longer than the consumer's `timeout`. It is what `context.signal` is aborted with. */
export class HandlerTimeoutError extends TimeoutError {
  static {
    this.prototype.name = 'HandlerTimeoutError';
  }

  constructor(
    /** Ms that it had. */
    readonly timeout: number,
  ) {
    super(`the handler did not return within ${timeout} ms (timeout)`);
  }
}

/**
 * The channel of a message was lost, or closed when the application stopped, while its handler ran: the broker delivers
 * the message again, to any consumer. It is what `context.signal` is aborted with; the reason is the `cause`.
 */
export class StaleDeliveryError extends AmqpError {
  static {
    this.prototype.name = 'StaleDeliveryError';
  }
}

/** A quorum queue drops the message when it comes back once more: it was delivered as often as its limit allows. */
export class DeliveryLimitError extends AmqpError {
  static {
    this.prototype.name = 'DeliveryLimitError';
  }

  constructor(
    /** Deliveries before this one. */
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

/** A message over the connection's `maxMessageSize`: it was not read, and no handler has seen it. */
export class MessageTooLargeError extends AmqpError {
  static {
    this.prototype.name = 'MessageTooLargeError';
  }

  constructor(
    /** Bytes of its body. */
    readonly size: number,
    /** The connection's `maxMessageSize`, bytes. */
    readonly limit: number,
  ) {
    super(`its body has ${size} bytes, and maxMessageSize is ${limit}`);
  }
}
