import { replyCodes, type ReplyCodeName } from './spec.js';

/** The base class of all errors of this package. */
export class AmqpError extends Error {
  static {
    this.prototype.name = 'AmqpError';
  }
}

/**
 * A value cannot be encoded in AMQP: a short string over 255 bytes, a table value of an unknown type, a header that
 * exceeds one frame. Thrown before anything is written; channel and connection stay open.
 */
export class EncodingError extends AmqpError {
  static {
    this.prototype.name = 'EncodingError';
  }
}

/** The received bytes are not AMQP 0-9-1. The connection is closed with `replyCode`. */
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
