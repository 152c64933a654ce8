import { replyCodes, type ReplyCodeName } from './spec.js';

/** The root of every error that this package throws. */
export class AmqpError extends Error {
  static {
    this.prototype.name = 'AmqpError';
  }
}

/**
 * What was to be sent cannot be written in AMQP: a short string over 255 bytes, a table value of an unknown type, a
 * header over one frame. Thrown before anything is written: channel and connection live on.
 */
export class EncodingError extends AmqpError {
  static {
    this.prototype.name = 'EncodingError';
  }
}

/** What was received is not AMQP 0-9-1. The connection is closed with `replyCode`. */
export class WireError extends AmqpError {
  static {
    this.prototype.name = 'WireError';
  }

  readonly replyCode: number;

  constructor(
    readonly replyName: ReplyCodeName,
    message: string,
  ) {
    super(message);
    this.replyCode = replyCodes[replyName].code;
  }
}
