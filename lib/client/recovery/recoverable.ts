import {
  ChannelClosedError,
  ConnectionForcedError,
  ConnectionLostError,
  CredentialsError,
  InternalError,
  ResourceError,
  ResourceLockedError,
  TimeoutError,
} from '../errors.js';

/** Errors after which a new connection may succeed. The client reconnects by itself. */
export const recoverableConnectionErrors = [
  ConnectionLostError,
  ConnectionForcedError,
  ResourceError,
  InternalError,
  CredentialsError,
] as const;

/** Errors after which the same call on the restored channel may succeed. */
export const recoverableChannelErrors = [ResourceLockedError, ChannelClosedError] as const;

/** Returns true if the same call may succeed later. */
export function isRecoverable(error: unknown): boolean {
  if (error instanceof TimeoutError) return true;
  return error instanceof Error && (error as { recoverable?: unknown }).recoverable === true;
}
