import {
  ChannelClosedError,
  ConnectionForcedError,
  ConnectionLostError,
  InternalError,
  ResourceError,
  ResourceLockedError,
  TimeoutError,
} from '../errors.js';

/** Errors after which a new connection may do; the client reconnects by itself. */
export const recoverableConnectionErrors = [
  ConnectionLostError,
  ConnectionForcedError,
  ResourceError,
  InternalError,
] as const;

/** Errors after which the same call on the (restored) channel may do. */
export const recoverableChannelErrors = [ResourceLockedError, ChannelClosedError] as const;

/** The same call may succeed later, without a change to it. */
export function isRecoverable(error: unknown): boolean {
  if (error instanceof TimeoutError) return true;
  return error instanceof Error && (error as { recoverable?: unknown }).recoverable === true;
}
