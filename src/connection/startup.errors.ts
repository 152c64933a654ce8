import { nameErrors } from '../../lib/shown/index.js';
import { AmqpError } from '../../lib/client/index.js';

/** The phases of a start: first the connections open, then the topology is declared. */
export type StartupPhase = 'connect' | 'declare';

/**
 * The broker could not be reached, or has not declared the topology, within `startupTimeout`. `cause` is the error of the
 * last attempt. No connection is left open.
 */
export class AmqpStartupError extends AmqpError {
  constructor(
    /** Name of the connection; `default` for the connection without a name. */
    readonly connection: string,
    /** Addresses of the brokers that were tried, without user and password. */
    readonly tried: readonly string[],
    /** ms. */
    readonly startupTimeout: number,
    cause: unknown,
    phase: StartupPhase = 'connect',
  ) {
    const reason = cause instanceof Error ? cause.message : 'there was no answer';
    const within = `within ${startupTimeout} ms (startupTimeout)`;
    super(
      phase === 'declare'
        ? `The topology of AMQP connection '${connection}', which is open, was not declared ${within}: ${reason}. ` +
            "Raise startupTimeout, or start before it is declared: { startup: 'background' }."
        : `AMQP connection '${connection}' could not be opened ${within}, tried ` +
            `${tried.join(', ') || 'nothing: the function that finds the brokers has not come back'}: ${reason}. ` +
            "Check that the broker runs and can be reached, or start without it: { startup: 'background' }.",
      { cause },
    );
  }
}

nameErrors({ AmqpStartupError });
