import { AmqpError, NotFoundError, PreconditionFailedError } from '../../lib/client/index.js';

/** An entity of the topology could not be declared, or with `declare: 'verify'` is not there; the broker's own error is the `cause`. Nothing was deleted. */
export class TopologyError extends AmqpError {
  static {
    this.prototype.name = 'TopologyError';
  }

  constructor(
    /** What it is about: `queue 'billing'`. */
    readonly entity: string,
    cause: unknown,
    aim: 'declare' | 'find' = 'declare',
    advice: string = adviceOn(cause, aim),
  ) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(`Cannot ${aim} ${entity}: ${reason}.${advice}`, { cause });
  }
}

/**
 * It is there and different from what was asked. It was left as it is, and so was everything else.
 */
export class TopologyMismatchError extends TopologyError {
  static {
    this.prototype.name = 'TopologyMismatchError';
  }

  constructor(
    entity: string,
    cause: PreconditionFailedError,
    /** What differs: `x-message-ttl`, `durable`, `type`. Where several do, the first that the broker has found. */
    readonly argument: string,
    /** What the topology asks for, as the broker writes it: `none` where nothing is; undefined where it does not say. */
    readonly expected: string | undefined,
    /** What is there, likewise. */
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
      `${difference} It exists and is different, and stays as it is: make the definition in the topology equal to what is ` +
        'there, or choose another name, or delete it by hand once its messages are dealt with.',
    );
  }
}

/** The error for an entity that the broker refused. */
export function topologyError(entity: string, cause: unknown, aim: 'declare' | 'find'): TopologyError {
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
 * What RabbitMQ writes: `inequivalent arg 'x-message-ttl' for queue 'q' in vhost '/': received the value '1000' of type
 * 'signedint' but current is none`. For arguments other than `x-…` it is `received 'true' but current is 'false'`.
 * Of a reply text that was cut (it has 255 bytes at most) the argument is read, and the rest unknown.
 */
export function readMismatch(replyText: string): Mismatch | undefined {
  const [, argument, received, current] = INEQUIVALENT.exec(replyText) ?? [];
  return argument === undefined ? undefined : { argument, expected: valueOf(received), actual: valueOf(current) };
}

function valueOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  return /^(?:the value )?'(.*?)'(?: of type '.*')?$/s.exec(text)?.[1] ?? text;
}

function adviceOn(cause: unknown, aim: 'declare' | 'find'): string {
  if (!(cause instanceof NotFoundError)) return '';
  return aim === 'find'
    ? " The topology says declare: 'verify', so it is not created here: have it created, or say declare: 'assert'."
    : " Add what is missing to the module's topology.";
}
