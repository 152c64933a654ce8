import { nameErrors } from '../../lib/shown/index.js';
import { AmqpError, NotFoundError, PreconditionFailedError } from '../../lib/client/index.js';

/**
 * The broker refused to declare or to delete an entity of the topology, or, with `declare: 'verify'`, the entity does not
 * exist. `cause` is the broker's error.
 */
export class TopologyError extends AmqpError {
  constructor(
    /** The entity, such as `queue 'billing'`. */
    readonly entity: string,
    cause: unknown,
    aim: TopologyAim = 'declare',
    advice: string = adviceOn(cause, aim),
  ) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(`Cannot ${aim} ${entity}: ${reason}.${advice}`, { cause });
  }
}

/** The entity exists with other arguments than the topology asks for. It was not changed. */
export class TopologyMismatchError extends TopologyError {
  constructor(
    entity: string,
    cause: PreconditionFailedError,
    /**
     * The argument or property that differs: `x-message-ttl`, `durable`, `type`. If several differ, the broker names
     * only the first.
     */
    readonly argument: string,
    /**
     * The value in the topology, as the broker writes it; `none` if it is not set, undefined if the broker does not
     * say.
     */
    readonly expected: string | undefined,
    /** The value on the broker, written in the same way. */
    readonly actual: string | undefined,
  ) {
    const difference =
      expected === undefined
        ? ` Its '${argument}' differs.`
        : ` Its '${argument}' is ${actual}, and the topology asks for ${expected}.`;
    super(
      entity,
      cause,
      'declare',
      `${difference} It exists with other arguments and was not changed. Make the topology match it, choose another ` +
        'name, or delete it by hand after its messages are handled.',
    );
  }
}

/** What could not be done with an entity. */
export type TopologyAim = 'declare' | 'find' | 'delete';

/** Creates the error for an entity that the broker refused. */
export function topologyError(entity: string, cause: unknown, aim: TopologyAim): TopologyError {
  const mismatch = cause instanceof PreconditionFailedError ? readMismatch(cause.replyText ?? '') : undefined;
  if (!mismatch) return new TopologyError(entity, cause, aim);
  const { argument, expected, actual } = mismatch;
  return new TopologyMismatchError(entity, cause as PreconditionFailedError, argument, expected, actual);
}

interface Mismatch {
  readonly argument: string;
  readonly expected: string | undefined;
  readonly actual: string | undefined;
}

const INEQUIVALENT = /inequivalent arg '([^']+)' for (?:.*: received (.+) but current is (.+)$)?/s;

/**
 * Reads RabbitMQ's text `inequivalent arg 'x-message-ttl' for queue 'q' in vhost '/': received the value '1000' of type
 * 'signedint' but current is none`. For arguments that do not begin with `x-` the text is `received 'true' but current
 * is 'false'`. A reply text has at most 255 bytes; from a shortened text only the argument is read.
 */
export function readMismatch(replyText: string): Mismatch | undefined {
  const [, argument, received, current] = INEQUIVALENT.exec(replyText) ?? [];
  return argument === undefined ? undefined : { argument, expected: valueOf(received), actual: valueOf(current) };
}

function valueOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  return /^(?:the value )?'(.*?)'(?: of type '.*')?$/s.exec(text)?.[1] ?? text;
}

function adviceOn(cause: unknown, aim: TopologyAim): string {
  if (!(cause instanceof NotFoundError) || aim === 'delete') return '';
  return aim === 'find'
    ? " The topology says declare: 'verify', so it is not created here: have it created, or say declare: 'assert'."
    : " Add what is missing to the module's topology.";
}

nameErrors({ TopologyError, TopologyMismatchError });
