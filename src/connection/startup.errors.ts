import { AmqpError } from '../../lib/client/index.js';

/**
 * The broker could not be reached within `startupTimeout`. `cause` is the error of the last attempt. No connection is
 * left open.
 */
export class AmqpStartupError extends AmqpError {
  static {
    this.prototype.name = 'AmqpStartupError';
  }

  constructor(
    /** Name of the connection; `default` for the connection without a name. */
    readonly connection: string,
    /** Addresses of the brokers that were tried, without user and password. */
    readonly tried: readonly string[],
    /** ms. */
    readonly startupTimeout: number,
    cause: unknown,
  ) {
    const reason = cause instanceof Error ? cause.message : 'there was no answer';
    super(
      `AMQP connection '${connection}' could not be opened within ${startupTimeout} ms (startupTimeout), tried ` +
        `${tried.join(', ') || 'nothing: the function that finds the brokers has not come back'}: ${reason}. ` +
        "Check that the broker runs and can be reached, or start without it: { startup: 'background' }.",
      { cause },
    );
  }
}
