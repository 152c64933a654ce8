import { nameErrors } from '../../lib/shown/index.js';
import { AmqpError } from '../../lib/client/index.js';

/** The serializer cannot write the payload. Nothing was sent. `cause` is the serializer's error. */
export class SerializationError extends AmqpError {}

/**
 * The body of a message does not match its content type. `cause` is the parser's error. The text of this error does not
 * repeat it: parsers quote their input, and a payload must not appear in logs.
 */
export class UndecodableMessageError extends AmqpError {}

nameErrors({ SerializationError, UndecodableMessageError });
