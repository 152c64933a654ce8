import { methodName } from '../protocol/methods.js';
import { replyCodes, type ReplyCodeName } from '../protocol/spec.js';
import {
  AccessRefusedError,
  AmqpSyntaxError,
  ChannelError,
  ChannelInvalidError,
  CommandInvalidError,
  ConnectionError,
  ConnectionForcedError,
  ContentTooLargeError,
  FrameError,
  InternalError,
  InvalidPathError,
  NoConsumersError,
  NoRouteError,
  NotAllowedError,
  NotFoundError,
  NotImplementedError,
  PreconditionFailedError,
  ResourceError,
  ResourceLockedError,
  UnexpectedFrameError,
} from './errors.js';

const byReplyName = {
  CONTENT_TOO_LARGE: ContentTooLargeError,
  NO_ROUTE: NoRouteError,
  NO_CONSUMERS: NoConsumersError,
  CONNECTION_FORCED: ConnectionForcedError,
  INVALID_PATH: InvalidPathError,
  ACCESS_REFUSED: AccessRefusedError,
  NOT_FOUND: NotFoundError,
  RESOURCE_LOCKED: ResourceLockedError,
  PRECONDITION_FAILED: PreconditionFailedError,
  FRAME_ERROR: FrameError,
  SYNTAX_ERROR: AmqpSyntaxError,
  COMMAND_INVALID: CommandInvalidError,
  CHANNEL_ERROR: ChannelInvalidError,
  UNEXPECTED_FRAME: UnexpectedFrameError,
  RESOURCE_ERROR: ResourceError,
  NOT_ALLOWED: NotAllowedError,
  NOT_IMPLEMENTED: NotImplementedError,
  INTERNAL_ERROR: InternalError,
} as const satisfies Record<ReplyCodeName, typeof ConnectionError | typeof ChannelError>;

/** The arguments of connection.close and channel.close. */
export interface CloseArguments {
  readonly replyCode: number;
  readonly replyText: string;
  readonly classId: number;
  readonly methodId: number;
}

/**
 * Creates the typed error for a close by the broker. The reply code determines its class; `scope` tells whether the
 * connection or the channel was closed.
 *
 * @param where start of the message: the connection and its host
 * @param recoverable default: as the error's class says
 */
export function closeError(
  scope: 'connection' | 'channel',
  close: CloseArguments,
  where?: string,
  recoverable?: boolean,
): ConnectionError | ChannelError {
  const { replyCode, replyText } = close;
  const method = methodName(close.classId, close.methodId);
  const details = { replyCode, replyText, method, scope, recoverable };
  const told = `${replyCode} ${replyText}${method ? ` (caused by ${method})` : ''}`;
  const message = where === undefined ? told : `${where}: ${told}`;
  for (const [name, { code }] of Object.entries(replyCodes)) {
    if (code === replyCode) return new byReplyName[name as ReplyCodeName](message, details);
  }
  return scope === 'connection' ? new ConnectionError(message, details) : new ChannelError(message, details);
}
