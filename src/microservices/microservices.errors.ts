import { AmqpError, TimeoutError, type Outcome } from '../../lib/client/index.js';

/** No reply within the deadline. Whether the request was handled is unknown; a reply that still comes is dropped. */
export class RequestTimeoutError extends TimeoutError {
  static {
    this.prototype.name = 'RequestTimeoutError';
  }

  readonly outcome: Outcome = 'unknown';

  constructor(
    readonly pattern: string,
    /** ms */
    readonly timeout: number,
  ) {
    super(
      `no reply to '${pattern}' within ${timeout} ms; whether it was handled is unknown. Raise requestTimeout, or the ` +
        "record's timeout, where handlers take longer",
    );
  }
}

/** What a handler returned cannot be written. The requester is told so; the serializer's own error is the `cause`. */
export class ReplyEncodingError extends AmqpError {
  static {
    this.prototype.name = 'ReplyEncodingError';
  }
}

/** The server closes before the handler is done. */
export class ServerClosingError extends AmqpError {
  static {
    this.prototype.name = 'ServerClosingError';
  }
}

/** No handler for the pattern of a message, or no pattern at all. */
export class UnhandledPatternError extends AmqpError {
  static {
    this.prototype.name = 'UnhandledPatternError';
  }
}

/** The handler of an event has failed; in Nest's words, which the handler's exception filters have chosen. */
export class EventFailedError extends AmqpError {
  static {
    this.prototype.name = 'EventFailedError';
  }
}
