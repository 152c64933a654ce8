import { AmqpError, NotFoundError, PreconditionFailedError } from '../../lib/client/index.js';

/** An entity of the topology could not be declared, or with `declare: 'verify'` is not there; the broker's own error is the `cause`. Nothing was deleted. */
export class TopologyError extends AmqpError {
  constructor(
    /** What could not be declared: `queue 'billing'`. */
    readonly entity: string,
    cause: unknown,
    aim: 'declare' | 'find' = 'declare',
  ) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(`Cannot ${aim} ${entity}: ${reason}.${advice(cause, aim)}`, { cause });
  }
}

function advice(cause: unknown, aim: 'declare' | 'find'): string {
  if (cause instanceof PreconditionFailedError) {
    return (
      ' It exists and is different. Make the definition in the topology equal to what is there, or choose another name,' +
      ' or delete it by hand once its messages are dealt with.'
    );
  }
  if (cause instanceof NotFoundError && aim === 'find') {
    return " The topology says declare: 'verify', so it is not created here: have it created, or say declare: 'assert'.";
  }
  if (cause instanceof NotFoundError) return " Add what is missing to the module's topology.";
  return '';
}
