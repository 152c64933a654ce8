import { nameErrors } from '../../lib/shown/index.js';
import { AmqpError, TimeoutError, type Outcome } from '../../lib/client/index.js';

/**
 * No reply arrived within the timeout. The request may have been handled; a late reply is dropped.
 *
 * @example
 * ```ts
 * this.orders.send('order.find', { id }).pipe(
 *   catchError((error) => (error instanceof RequestTimeoutError ? of(undefined) : throwError(() => error))),
 * );
 * ```
 */
export class RequestTimeoutError extends TimeoutError {
  readonly outcome: Outcome = 'unknown';

  constructor(
    readonly pattern: string,
    /** The timeout of the request in ms. */
    readonly timeout: number,
  ) {
    super(
      `no reply to '${pattern}' within ${timeout} ms; the request may have been handled. Raise requestTimeout, or the ` +
        "record's timeout, if its handler takes longer",
    );
  }
}

/** The handler's result cannot be encoded. The requester gets an error reply. `cause` is the serializer's error. */
export class ReplyEncodingError extends AmqpError {}

/** The server closed before the handler finished. */
export class ServerClosingError extends AmqpError {}

/** The message has no pattern, or no handler has its pattern. */
export class UnhandledPatternError extends AmqpError {}

/** The handler of an event has thrown a value that is no error. */
export class EventFailedError extends AmqpError {}

/** The broker has refused a reply, for example because it is too large. `cause` is the broker's error. */
export class ReplyRefusedError extends AmqpError {}

nameErrors({
  RequestTimeoutError,
  ReplyEncodingError,
  ServerClosingError,
  UnhandledPatternError,
  EventFailedError,
  ReplyRefusedError,
});
