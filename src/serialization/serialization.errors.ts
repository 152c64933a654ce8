import { AmqpError } from '../../lib/client/index.js';

/** A payload that its serializer cannot write. Nothing was sent. The serializer's own error is the `cause`. */
export class SerializationError extends AmqpError {
  static {
    this.prototype.name = 'SerializationError';
  }
}

/**
 * A message whose body is not what its content type says. The reader's own error is the `cause`; the message of this
 * one leaves it out, because parsers like to quote what they read and a payload has no place in a log.
 */
export class UndecodableMessageError extends AmqpError {
  static {
    this.prototype.name = 'UndecodableMessageError';
  }
}
