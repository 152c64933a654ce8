import { TypedField, type FieldTable, type FieldValue } from '../../protocol/field-table.js';
import { preconditionFailed } from '../errors.js';
import { typeName } from '../routing/field-values.js';

/** The settings of a queue from its arguments (https://www.rabbitmq.com/docs/queues#optional-arguments). */
export interface QueueSettings {
  readonly type: 'classic' | 'quorum';
  /** Milliseconds from a message's arrival to its expiry; undefined for none (x-message-ttl). */
  readonly messageTtl: number | undefined;
  /** Milliseconds without a consumer, a basic.get or a declaration until the queue is deleted (x-expires). */
  readonly expires: number | undefined;
  /** Maximum number of ready messages (x-max-length) and bytes of their bodies (x-max-length-bytes). */
  readonly maxLength: number;
  readonly maxLengthBytes: number;
  readonly overflow: 'drop-head' | 'reject-publish' | 'reject-publish-dlx';
  readonly deadLetterExchange: string | undefined;
  /** Replaces the routing keys of a dead-lettered message. */
  readonly deadLetterRoutingKey: string | undefined;
  /** The highest priority; 0 for a queue without priorities (x-max-priority). */
  readonly maxPriority: number;
  readonly singleActiveConsumer: boolean;
  /** Number of returns after which a quorum queue drops a message; Infinity for never (x-delivery-limit). */
  readonly deliveryLimit: number;
}

type Check = (value: FieldValue) => string | undefined;

/**
 * Creates the check for a whole number from `min` to `max`. The check returns the fault in RabbitMQ's words, or
 * undefined. A double such as 10.0 is a fault.
 */
export function integer(min = -Infinity, max = Infinity): Check {
  return (value) => {
    if (typeof value !== 'bigint' && !Number.isInteger(value)) return `"expected integer, got ${typeName(value)}"`;
    const number = Number(value);
    if (number < 0 && min >= 0) return `{value_negative,${number}}`;
    if (number === 0 && min > 0) return '{value_zero,0}';
    return number > max ? `{max_value_exceeded,${number}}` : undefined;
  };
}

const string: Check = (value) => (typeof value === 'string' ? undefined : `{unacceptable_type,${typeName(value)}}`);
const boolean: Check = (value) => (typeof value === 'boolean' ? undefined : `{unacceptable_type,${typeName(value)}}`);

function oneOf(values: readonly string[], otherwise: (value: string) => string): Check {
  return (value) => string(value) ?? (values.includes(value as string) ? undefined : otherwise(value as string));
}

/** A Map, since clients choose the names and `constructor` is a valid one. */
const checks = new Map<string, Check>(
  Object.entries({
    'x-queue-type': oneOf(['classic', 'quorum'], (value) => `"unsupported queue type '${value}'"`),
    'x-message-ttl': integer(0),
    'x-expires': integer(1),
    'x-max-length': integer(0),
    'x-max-length-bytes': integer(0),
    'x-max-priority': integer(0, 255),
    'x-overflow': oneOf(['drop-head', 'reject-publish', 'reject-publish-dlx'], () => 'invalid_overflow'),
    'x-dead-letter-exchange': string,
    'x-dead-letter-routing-key': string,
    'x-dead-letter-strategy': oneOf(['at-most-once', 'at-least-once'], () => 'invalid_dlx_strategy'),
    'x-single-active-consumer': boolean,
    'x-queue-mode': oneOf(['default', 'lazy'], (value) => `"unsupported queue mode '${value}'"`),
    'x-quorum-initial-group-size': integer(1),
  }),
);

/** Arguments that one type accepts and the other refuses. */
const ofOtherType = {
  classic: ['x-delivery-limit', 'x-quorum-initial-group-size', 'x-dead-letter-strategy'],
  quorum: ['x-max-priority', 'x-queue-mode'],
};

/** Arguments that a second declaration must repeat. Others are not compared. */
export const comparedArguments = [
  'x-expires',
  'x-message-ttl',
  'x-max-length',
  'x-max-length-bytes',
  'x-max-priority',
  'x-overflow',
  'x-dead-letter-exchange',
  'x-dead-letter-routing-key',
  'x-single-active-consumer',
  'x-delivery-limit',
  'x-queue-type',
] as const;

/** @param where the queue in error texts: `queue 'x' in vhost '/'` @throws BrokerError (PRECONDITION_FAILED) */
export function parseQueueArguments(args: FieldTable, where: string): QueueSettings {
  const type = queueType(args);
  for (const name of Object.keys(args)) {
    const problem = checks.get(name)?.(args[name]);
    if (problem === undefined) continue;
    if (name === 'x-dead-letter-exchange') {
      throw preconditionFailed(`invalid type '${typeName(args[name])}' for arg '${name}' in ${where}`);
    }
    throw preconditionFailed(`invalid arg '${name}' for ${where}: ${problem}`);
  }
  for (const name of ofOtherType[type]) {
    if (args[name] !== undefined) {
      throw preconditionFailed(`invalid arg '${name}' for ${where} of queue type rabbit_${type}_queue`);
    }
  }
  if (args['x-dead-letter-routing-key'] !== undefined && args['x-dead-letter-exchange'] === undefined) {
    throw preconditionFailed(`invalid arg 'x-dead-letter-routing-key' for ${where}: routing_key_but_no_dlx_defined`);
  }
  const number = (name: string): number | undefined => {
    const value = args[name];
    return value === undefined ? undefined : Number(value instanceof TypedField ? value.value : value);
  };
  // RabbitMQ 3 accepts any delivery limit, and ignores one that makes no sense.
  const limit = number('x-delivery-limit');
  return {
    type,
    messageTtl: number('x-message-ttl'),
    expires: number('x-expires'),
    maxLength: number('x-max-length') ?? Infinity,
    maxLengthBytes: number('x-max-length-bytes') ?? Infinity,
    overflow: (args['x-overflow'] as QueueSettings['overflow'] | undefined) ?? 'drop-head',
    deadLetterExchange: args['x-dead-letter-exchange'] as string | undefined,
    deadLetterRoutingKey: args['x-dead-letter-routing-key'] as string | undefined,
    maxPriority: number('x-max-priority') ?? 0,
    singleActiveConsumer: args['x-single-active-consumer'] === true,
    deliveryLimit: limit !== undefined && limit >= 0 ? limit : Infinity,
  };
}

function queueType(args: FieldTable): QueueSettings['type'] {
  return args['x-queue-type'] === 'quorum' ? 'quorum' : 'classic';
}
