import { nameErrors } from '../shown/index.js';
import { AmqpError } from '../protocol/errors.js';
import type { MessageProperties, MethodName } from '../protocol/types.js';

export { AmqpError, EncodingError, WireError } from '../protocol/errors.js';

/** The known facts of a failure. */
export interface FailureDetails {
  /** The peer's reply code (section 1.2), if there is one. */
  readonly replyCode?: number | undefined;
  /** The peer's reply text. */
  readonly replyText?: string | undefined;
  /** The method that caused the error, if the peer names one. */
  readonly method?: MethodName | undefined;
  /**
   * The object that the error has ended. The reply code does not tell: a refused login is a 403 that ends the
   * connection.
   */
  readonly scope?: 'connection' | 'channel' | undefined;
  /** True if the same call may succeed later. */
  readonly recoverable?: boolean | undefined;
  /** The error that caused this one, such as the socket's. */
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

/** An error of the whole connection. It is recoverable by a new connection unless its class says otherwise. */
export class ConnectionError extends Failure {
  constructor(message: string, details: FailureDetails = {}, recoverable = true) {
    super(message, details, 'connection', recoverable);
  }
}

/** An error of one channel. Other channels are not affected. */
export class ChannelError extends Failure {
  constructor(message: string, details: FailureDetails = {}, recoverable = false) {
    super(message, details, 'channel', recoverable);
  }
}

// One class per reply code, named after the specification (section 1.2). The base class tells what the specification
// closes for the code; `scope` tells what was closed.

/** 311: the body exceeds the broker's limit. */
export class ContentTooLargeError extends ChannelError {}
/** 312: no queue is bound for this exchange and routing key. */
export class NoRouteError extends ChannelError {}
/** 313: `immediate` delivery with no consumer ready. */
export class NoConsumersError extends ChannelError {}
/** 403: no permission, a wrong login, an exclusive consumer, or a reserved name. */
export class AccessRefusedError extends ChannelError {}
/** 404: the queue, exchange or vhost does not exist. */
export class NotFoundError extends ChannelError {}
/** 405: the queue is exclusive to another connection. */
export class ResourceLockedError extends ChannelError {
  constructor(message: string, details: FailureDetails = {}) {
    super(message, details, true);
  }
}
/** 406: for example a declaration with other arguments, an unknown delivery tag, or a limit of a queue. */
export class PreconditionFailedError extends ChannelError {}
/** 320: the broker, or its operator, closed the connection. */
export class ConnectionForcedError extends ConnectionError {}
/** 402: the vhost does not exist. */
export class InvalidPathError extends ConnectionError {
  constructor(message: string, details: FailureDetails = {}) {
    super(message, details, false);
  }
}
/** 501: malformed frame. */
export class FrameError extends ConnectionError {}
/** 502: illegal content of a frame. */
export class AmqpSyntaxError extends ConnectionError {}
/** 503: a method that is invalid in this state. */
export class CommandInvalidError extends ConnectionError {}
/** 504: a channel that is not open, or opened twice. */
export class ChannelInvalidError extends ConnectionError {}
/** 505: an unexpected frame or content. */
export class UnexpectedFrameError extends ConnectionError {}
/** 506: the broker lacks a resource. */
export class ResourceError extends ConnectionError {}
/** 530: not allowed, for example an unknown vhost, or a limit of channels or connections. */
export class NotAllowedError extends ConnectionError {
  constructor(message: string, details: FailureDetails = {}) {
    super(message, details, false);
  }
}
/** 540: the broker does not implement this. */
export class NotImplementedError extends ConnectionError {
  constructor(message: string, details: FailureDetails = {}) {
    super(message, details, false);
  }
}
/** 541: an internal error of the broker. */
export class InternalError extends ConnectionError {}

/** The received bytes are not AMQP 0-9-1. Usually the port belongs to another protocol. */
export class UnexpectedPeerError extends ConnectionError {
  constructor(message: string, details: FailureDetails = {}) {
    super(message, details, false);
  }
}

/**
 * The outcome of a failed call or publish. `unknown`: it was sent, and the broker may have carried it out. `not-sent`:
 * the broker certainly does not have it.
 */
export type Outcome = 'unknown' | 'not-sent';

/** The connection was lost during this call. `outcome` tells whether the broker may have carried it out. */
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

/**
 * The function that returns the credentials has failed, has not answered in time, or has returned expired credentials. The
 * client asks it again.
 */
export class CredentialsError extends ConnectionError {}

/** The channel is closed, or the broker has closed it during this call; `cause` is then the broker's error. */
export class ChannelClosedError extends ChannelError {
  constructor(
    message: string,
    readonly outcome: Outcome,
    details: FailureDetails = {},
  ) {
    super(message, details, details.cause !== undefined);
  }
}

/** The deadline of a call has passed. */
export class TimeoutError extends AmqpError {}

/** No confirm arrived within the deadline. `outcome` tells whether the broker may have the message. */
export class PublishTimeoutError extends TimeoutError {
  constructor(
    message: string,
    readonly outcome: Outcome,
  ) {
    super(message);
  }
}

/**
 * The broker could not take the message (basic.nack), for example because of a full queue with `reject-publish`, or a
 * failed queue.
 */
export class PublishNackedError extends AmqpError {
  constructor(
    message: string,
    /** `unknown`: it was sent before, on a connection that was lost, and the broker may have that one. Else undefined. */
    readonly outcome?: 'unknown',
  ) {
    super(message);
  }
}

/**
 * Publishing is not possible now and `whenUnavailable` is `'fail'`, or too many publishes wait already. Nothing was
 * sent.
 */
export class PublishRefusedError extends AmqpError {
  /** Nothing was sent. */
  readonly outcome: Outcome = 'not-sent';
}

/** A returned message (basic.return, section 1.8.3.8). */
export interface ReturnedMessage {
  /** Usually 312, NO_ROUTE. */
  readonly replyCode: number;
  /** The broker's reason. */
  readonly replyText: string;
  /** The exchange of the publish; `''` is the default exchange. */
  readonly exchange: string;
  /** The routing key of the publish. */
  readonly routingKey: string;
  /** The properties of the publish. */
  readonly properties: MessageProperties;
  /** The body. Empty if it is larger than the connection's `maxMessageSize`. */
  readonly body: Buffer;
  /** Size of the published body in bytes. */
  readonly bodySize: number;
}

/** A mandatory message was returned, since no queue is bound for it (312 NO_ROUTE). */
export class MessageReturnedError extends AmqpError {
  /** Usually 312, NO_ROUTE. */
  readonly replyCode: number;
  /** The broker's reason. */
  readonly replyText: string;
  /** The exchange of the publish; `''` is the default exchange. */
  readonly exchange: string;
  /** The routing key of the publish. */
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

/** The default exchange, whose name is empty, routes by queue name. */
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

/** A delivery was settled twice, or was settled although it needs no acknowledgement (`noAck`). */
export class AlreadySettledError extends AmqpError {}

/** An option, address or argument is invalid. */
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
  CredentialsError,
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
