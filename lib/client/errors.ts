import { nameErrors } from '../shown/index.js';
import { AmqpError } from '../protocol/errors.js';
import type { MessageProperties, MethodName } from '../protocol/types.js';

export { AmqpError, EncodingError, WireError } from '../protocol/errors.js';

/** The known facts of a failure. */
export interface FailureDetails {
  /** The peer's reply code (section 1.2), where it gave one. */
  readonly replyCode?: number | undefined;
  /** The peer's words. */
  readonly replyText?: string | undefined;
  /** The method that caused it, where one did. */
  readonly method?: MethodName | undefined;
  /** The object that the failure ends. The reply code does not tell it: a refused login is a 403 of the connection. */
  readonly scope?: 'connection' | 'channel' | undefined;
  /** The same call may succeed later, without a change to it. */
  readonly recoverable?: boolean | undefined;
  readonly cause?: unknown;
}

abstract class Failure extends AmqpError {
  readonly replyCode: number | undefined;
  readonly replyText: string | undefined;
  readonly method: MethodName | undefined;
  readonly scope: 'connection' | 'channel';
  readonly recoverable: boolean;

  constructor(message: string, details: FailureDetails, scope: 'connection' | 'channel', recoverable: boolean) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.replyCode = details.replyCode;
    this.replyText = details.replyText;
    this.method = details.method;
    this.scope = details.scope ?? scope;
    this.recoverable = details.recoverable ?? recoverable;
  }
}

/** Something that concerns the whole connection. Recoverable unless it says otherwise: a new connection may do. */
export class ConnectionError extends Failure {
  constructor(message: string, details: FailureDetails = {}, recoverable = true) {
    super(message, details, 'connection', recoverable);
  }
}

/** Something that concerns one channel; its siblings do not notice. */
export class ChannelError extends Failure {
  constructor(message: string, details: FailureDetails = {}, recoverable = false) {
    super(message, details, 'channel', recoverable);
  }
}

// One class per reply code, named after the specification (section 1.2). The base says what the specification closes
// for it; `scope` says what was closed.

/** 311: a body over the broker's limit. */
export class ContentTooLargeError extends ChannelError {}
/** 312: nothing is bound for this exchange and routing key. */
export class NoRouteError extends ChannelError {}
/** 313: `immediate` delivery with no consumer ready. */
export class NoConsumersError extends ChannelError {}
/** 403: no permission, a wrong login, or an exclusive consumer or reserved name in the way. */
export class AccessRefusedError extends ChannelError {}
/** 404: no such queue, exchange, vhost, … */
export class NotFoundError extends ChannelError {}
/** 405: an exclusive queue of another connection. */
export class ResourceLockedError extends ChannelError {
  constructor(message: string, details: FailureDetails = {}) {
    super(message, details, true);
  }
}
/** 406: declared with other arguments, an unknown delivery tag, a limit of a queue, … */
export class PreconditionFailedError extends ChannelError {}
/** 320: the broker, or its operator, closed the connection. */
export class ConnectionForcedError extends ConnectionError {}
/** 402: no such vhost. */
export class InvalidPathError extends ConnectionError {
  constructor(message: string, details: FailureDetails = {}) {
    super(message, details, false);
  }
}
/** 501: a frame that is not one. */
export class FrameError extends ConnectionError {}
/** 502: a frame with illegal content. */
export class AmqpSyntaxError extends ConnectionError {}
/** 503: a method in the wrong place. */
export class CommandInvalidError extends ConnectionError {}
/** 504: a channel that is not open, or opened twice. */
export class ChannelInvalidError extends ConnectionError {}
/** 505: content, or a frame, that was not expected. */
export class UnexpectedFrameError extends ConnectionError {}
/** 506: the broker is short of something. */
export class ResourceError extends ConnectionError {}
/** 530: not allowed: an unknown vhost, a limit of channels or connections, … */
export class NotAllowedError extends ConnectionError {
  constructor(message: string, details: FailureDetails = {}) {
    super(message, details, false);
  }
}
/** 540: the broker does not do that. */
export class NotImplementedError extends ConnectionError {
  constructor(message: string, details: FailureDetails = {}) {
    super(message, details, false);
  }
}
/** 541: the broker failed. */
export class InternalError extends ConnectionError {}

/** The bytes that came are not AMQP 0-9-1: another protocol's port, most often. */
export class UnexpectedPeerError extends ConnectionError {
  constructor(message: string, details: FailureDetails = {}) {
    super(message, details, false);
  }
}

/**
 * The fate of a call or publish that failed. `unknown`: it was sent, and the broker may have carried it out. `not-sent`:
 * the broker certainly does not have it.
 */
export type Outcome = 'unknown' | 'not-sent';

/** The connection broke under this call. */
export class ConnectionLostError extends ConnectionError {
  constructor(
    message: string,
    readonly outcome: Outcome,
    details: FailureDetails = {},
  ) {
    super(message, details);
  }
}

/** The connection was closed by `close()`, or gave up reconnecting. */
export class ConnectionClosedError extends ConnectionError {
  constructor(message: string, details: FailureDetails = {}) {
    super(message, details, false);
  }
}

/** The channel is closed, or was closed by the broker while this waited on it: then `cause` is the broker's error. */
export class ChannelClosedError extends ChannelError {
  constructor(
    message: string,
    readonly outcome: Outcome,
    details: FailureDetails = {},
  ) {
    super(message, details, details.cause !== undefined);
  }
}

/** A deadline passed. */
export class TimeoutError extends AmqpError {}

/** No confirm within the deadline. Whether the broker has the message is unknown. */
export class PublishTimeoutError extends TimeoutError {
  constructor(
    message: string,
    readonly outcome: Outcome,
  ) {
    super(message);
  }
}

/** The broker could not take the message (basic.nack): a full queue with `reject-publish`, a failed queue, … */
export class PublishNackedError extends AmqpError {
  constructor(
    message: string,
    /** `unknown`: it was sent before, on a connection that was lost, and the broker may have that one. Else undefined. */
    readonly outcome?: 'unknown',
  ) {
    super(message);
  }
}

/** Publishing is not possible now and `whenUnavailable` is `'fail'`, or too much waits already. Nothing was sent. */
export class PublishRefusedError extends AmqpError {
  readonly outcome: Outcome = 'not-sent';
}

/** A message that came back (basic.return). */
export interface ReturnedMessage {
  readonly replyCode: number;
  readonly replyText: string;
  readonly exchange: string;
  readonly routingKey: string;
  readonly properties: MessageProperties;
  /** Empty when it is larger than the connection's `maxMessageSize`. */
  readonly body: Buffer;
  /** Bytes. */
  readonly bodySize: number;
}

/** A mandatory message that no queue is bound for (312 NO_ROUTE). */
export class MessageReturnedError extends AmqpError {
  readonly replyCode: number;
  readonly replyText: string;
  readonly exchange: string;
  readonly routingKey: string;

  constructor(
    readonly returned: ReturnedMessage,
    /** `unknown`: it was sent before, on a connection that was lost, and the broker may have that one. Else undefined. */
    readonly outcome?: 'unknown',
  ) {
    super(`${returned.replyCode} ${returned.replyText}: ${unroutable(returned)}`);
    this.replyCode = returned.replyCode;
    this.replyText = returned.replyText;
    this.exchange = returned.exchange;
    this.routingKey = returned.routingKey;
  }
}

/** The default exchange, whose name is empty, routes by the name of the queue. */
function unroutable({ exchange, routingKey }: ReturnedMessage): string {
  if (exchange === '') return `there is no queue '${routingKey}'`;
  return `exchange '${exchange}' has no queue bound for routing key '${routingKey}'`;
}

/** The broker cancelled the consumer, and it could not be restored. */
export class ConsumerCancelledError extends AmqpError {
  constructor(
    message: string,
    readonly queue: string,
    readonly consumerTag: string,
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
  }
}

/** A delivery that is settled was settled again. */
export class AlreadySettledError extends AmqpError {}

/** An option, address or argument that cannot work. */
export class ConfigurationError extends AmqpError {}

nameErrors({
  ConnectionError,
  ChannelError,
  ContentTooLargeError,
  NoRouteError,
  NoConsumersError,
  AccessRefusedError,
  NotFoundError,
  ResourceLockedError,
  PreconditionFailedError,
  ConnectionForcedError,
  InvalidPathError,
  FrameError,
  AmqpSyntaxError,
  CommandInvalidError,
  ChannelInvalidError,
  UnexpectedFrameError,
  ResourceError,
  NotAllowedError,
  NotImplementedError,
  InternalError,
  UnexpectedPeerError,
  ConnectionLostError,
  ConnectionClosedError,
  ChannelClosedError,
  TimeoutError,
  PublishTimeoutError,
  PublishNackedError,
  PublishRefusedError,
  MessageReturnedError,
  ConsumerCancelledError,
  AlreadySettledError,
  ConfigurationError,
});
