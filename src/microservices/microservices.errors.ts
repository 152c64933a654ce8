import { AmqpError, TimeoutError, type Outcome } from '../../lib/client/index.js';

/** No reply arrived within the timeout. The request may have been handled; a late reply is dropped. */
export class RequestTimeoutError extends TimeoutError {
  static {
    this.prototype.name = 'RequestTimeoutError';
  }

  readonly outcome: Outcome = 'unknown';

  constructor(
    readonly pattern: string,
    /** ms. */
    readonly timeout: number,
  ) {
    super(
      `no reply to '${pattern}' within ${timeout} ms; whether it was handled is unknown. Raise requestTimeout, or the ` +
        "record's timeout, where handlers take longer",
    );
  }
}

/** The handler's result cannot be encoded. The requester gets an error reply. `cause` is the serializer's error. */
export class ReplyEncodingError extends AmqpError {
  static {
    this.prototype.name = 'ReplyEncodingError';
  }
}

/** The server closed before the handler finished. */
export class ServerClosingError extends AmqpError {
  static {
    this.prototype.name = 'ServerClosingError';
  }
}

/** The message has no pattern, or no handler has its pattern. */
export class UnhandledPatternError extends AmqpError {
  static {
    this.prototype.name = 'UnhandledPatternError';
  }
}

/** The handler of an event has failed with something that is no error. */
export class EventFailedError extends AmqpError {
  static {
    this.prototype.name = 'EventFailedError';
  }
}

/** The broker does not take a reply, since it is too large for instance; what the broker says is the `cause`. */
export class ReplyRefusedError extends AmqpError {
  static {
    this.prototype.name = 'ReplyRefusedError';
  }
}
