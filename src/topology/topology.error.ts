import { AmqpError, NotFoundError, PreconditionFailedError } from '../../lib/client/index.js';

/** An entity of the topology could not be declared; the broker's own error is the `cause`. Nothing was deleted. */
export class TopologyError extends AmqpError {
  constructor(
    /** What could not be declared: `queue 'billing'`. */
    readonly entity: string,
    cause: unknown,
  ) {
    super(`Cannot declare ${entity}: ${cause instanceof Error ? cause.message : String(cause)}.${advice(cause)}`, {
      cause,
    });
  }
}

function advice(cause: unknown): string {
  if (cause instanceof PreconditionFailedError) {
    return (
      ' It exists and is different. Make the definition in the topology equal to what is there, or choose another name,' +
      ' or delete it by hand once its messages are dealt with.'
    );
  }
  if (cause instanceof NotFoundError) return " Add what is missing to the module's topology.";
  return '';
}
