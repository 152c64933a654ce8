import { promiseOf } from '../thenable.js';

/**
 * Receives one line of text for each event worth a log entry. Nest's Logger and `console` have this form. Errors that the
 * logger throws or rejects with are ignored.
 */
export interface ClientLogger {
  /** Gets the normal events: connected, reconnected, restored. */
  debug?(message: string): void;
  /** Gets the problems: a lost connection, a failed attempt, an error that belongs to no call. */
  warn(message: string): void;
}

/** Wraps a logger so that its errors and rejections are ignored. */
export function harmless(logger: ClientLogger): ClientLogger {
  const quietly =
    (log: (message: string) => unknown) =>
    (message: string): void => {
      try {
        const logged = log(message);
        promiseOf(logged)?.catch(() => {});
      } catch {
        // A missing log line is no reason to lose a connection.
      }
    };
  return {
    warn: quietly((message) => logger.warn(message)),
    ...(logger.debug && { debug: quietly((message) => logger.debug?.(message)) }),
  };
}
