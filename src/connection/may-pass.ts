import { AmqpError, Connection, TimeoutError } from '../../lib/client/index.js';

/** Errors of the program itself, which come again however long one waits. */
const PROGRAMMING_ERRORS = [TypeError, ReferenceError, RangeError, SyntaxError] as const;

/** Errors that another attempt may not meet: the broker is not reachable yet, starts, or was lost in the middle. */
const PASSING = [
  TimeoutError,
  ...Connection.recoverableConnectionErrors,
  ...Connection.recoverableChannelErrors,
] as const;

/** Trying again may help. Of an error with causes, the innermost one of ours decides, or the mistake that is behind it. */
export function mayPass(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause instanceof AmqpError || isMistake(cause)) return mayPass(cause);
  return PASSING.some((kind) => error instanceof kind);
}

function isMistake(error: unknown): boolean {
  return PROGRAMMING_ERRORS.some((kind) => error instanceof kind);
}
