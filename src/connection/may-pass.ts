import { AccessRefusedError, AmqpError, Connection, TimeoutError } from '../../lib/client/index.js';

/** Errors of the program itself, which waiting does not solve. */
const PROGRAMMING_ERRORS = [TypeError, ReferenceError, RangeError, SyntaxError] as const;

/** Errors that may not occur in the next attempt: the broker is not reachable, is starting, or was lost meanwhile. */
const PASSING = [
  TimeoutError,
  ...Connection.recoverableConnectionErrors,
  ...Connection.recoverableChannelErrors,
] as const;

/**
 * Returns true if another attempt may succeed. Of an error with causes, the innermost AMQP error or programming error
 * decides.
 */
export function mayPass(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause instanceof AmqpError || isMistake(cause)) return mayPass(cause);
  // A refused login is recoverable if the next one has other credentials.
  if (error instanceof AccessRefusedError) return error.recoverable;
  return PASSING.some((kind) => error instanceof kind);
}

function isMistake(error: unknown): boolean {
  return PROGRAMMING_ERRORS.some((kind) => error instanceof kind);
}
