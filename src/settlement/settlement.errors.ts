import type { Duration } from '../common/duration.js';

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
 * attempt; quorum queues count it as a delivery, against their delivery limit.
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
 * @publicApi
 */
export class RetryMessage extends Error {
  static {
    this.prototype.name = 'RetryMessage';
  }

  constructor(
    /** Milliseconds, or text such as `'10m'`. Default: what the consumer's backoff says for this attempt. */
    readonly delay?: Duration,
    message = 'the handler asked for a retry',
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
