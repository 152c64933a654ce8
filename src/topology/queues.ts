import type { FieldTable } from '../../lib/client/index.js';
import type { Duration } from '../common/duration.js';
import { expectValue, FLAG, NAME, oneOf, TEXT, type ValueCheck } from '../common/option-values.js';
import { argumentTable, countFrom, duration, durationFromOne, finiteFrom, valueOf } from './argument-table.js';

/**
 * A queue to declare. {@link classicQueue}, {@link quorumQueue}, {@link streamQueue} and {@link serverNamedQueue}
 * create it.
 */
export interface QueueDefinition {
  /** Name of the queue. */
  readonly name: string;
  /** The queue survives a restart of the broker. */
  readonly durable: boolean;
  /** Only the declaring connection can use the queue, and the queue is deleted with it. */
  readonly exclusive: boolean;
  /** The queue is deleted when its last consumer ends. */
  readonly autoDelete: boolean;
  /** The arguments of the declaration, those of the options included. */
  readonly arguments: FieldTable;
  /** The broker chooses the queue's name; `name` is the application's name for it. Default false. */
  readonly serverNamed?: boolean;
}

/** Options of both classic and quorum queues. */
export interface QueueOptions {
  /**
   * Exchange that receives rejected, expired and dropped messages (https://www.rabbitmq.com/docs/dlx). Default: none.
   */
  readonly deadLetterExchange?: string;
  /** Routing key of dead-lettered messages. Default: their own routing key. */
  readonly deadLetterRoutingKey?: string;
  /**
   * Time after which a message expires (https://www.rabbitmq.com/docs/ttl): ms, or a text such as `'10s'`. Default and
   * Infinity: never.
   */
  readonly messageTtl?: Duration;
  /**
   * Time after which the broker deletes the unused queue with its messages. A consumer, a get and a declaration count
   * as use (https://www.rabbitmq.com/docs/ttl#queue-ttl). ms, or a text such as `'30m'`. Default and Infinity: never.
   */
  readonly expires?: Duration;
  /** Maximum number of ready messages (https://www.rabbitmq.com/docs/maxlength). Default and Infinity: no limit. */
  readonly maxLength?: number;
  /** Maximum size of all ready messages, in bytes. Default and Infinity: no limit. */
  readonly maxLengthBytes?: number;
  /**
   * The effect of a limit: `drop-head` (default) drops the oldest message, `reject-publish` nacks the new one, and
   * `reject-publish-dlx` nacks and dead-letters it.
   */
  readonly overflow?: 'drop-head' | 'reject-publish' | 'reject-publish-dlx';
  /**
   * Deliver to one consumer at a time; when it ends, the next one takes over
   * (https://www.rabbitmq.com/docs/consumers#single-active-consumer). Default false.
   */
  readonly singleActiveConsumer?: boolean;
  /** Further arguments, sent unchanged. One that contradicts an option is a `ConfigurationError`. Default: none. */
  readonly arguments?: FieldTable;
}

/** Options of {@link classicQueue}. */
export interface ClassicQueueOptions extends QueueOptions {
  /** The queue survives a restart of the broker. Default true, unless it is exclusive. */
  readonly durable?: boolean;
  /** Only this connection can use the queue, and the queue is deleted with it. Default false. */
  readonly exclusive?: boolean;
  /** The queue is deleted when its last consumer ends. Default false. */
  readonly autoDelete?: boolean;
  /**
   * Highest priority, from 0; at most 10 is recommended (https://www.rabbitmq.com/docs/priority). Default: no
   * priorities.
   */
  readonly maxPriority?: number;
}

/** Options of {@link serverNamedQueue}. Such a queue is exclusive and is deleted when its connection closes. */
export type ServerNamedQueueOptions = Omit<ClassicQueueOptions, 'durable' | 'exclusive'>;

/** Options of {@link quorumQueue}. Such a queue is always durable and never exclusive. */
export interface QuorumQueueOptions extends QueueOptions {
  /** The effect of a limit: `drop-head` (default) drops the oldest message, `reject-publish` nacks the new one. */
  readonly overflow?: 'drop-head' | 'reject-publish';
  /**
   * Maximum number of deliveries of a message; then it is dead-lettered or dropped
   * (https://www.rabbitmq.com/docs/quorum-queues#poison-message-handling). Default: the broker's (20 in RabbitMQ 4,
   * where -1 means no limit).
   */
  readonly deliveryLimit?: number;
  /** `at-least-once` dead-letters with confirms and needs `overflow: 'reject-publish'`. Default `at-most-once`. */
  readonly deadLetterStrategy?: 'at-most-once' | 'at-least-once';
  /** Number of members of the queue at its declaration. Default: the broker's. */
  readonly initialGroupSize?: number;
  /**
   * Node of the queue's leader: the node that declares the queue, or the one with the fewest leaders
   * (https://www.rabbitmq.com/docs/clustering#replica-placement). Default: the broker's.
   */
  readonly leaderLocator?: 'client-local' | 'balanced';
}

/** Options of {@link streamQueue}. A stream is always durable and never exclusive, and keeps consumed messages. */
export interface StreamQueueOptions {
  /** Maximum age of messages: `7D`, `12h` (units Y, M, D, h, m, s). Default: no limit. */
  readonly maxAge?: string;
  /** Maximum size of the stream in bytes. Default: no limit. */
  readonly maxLengthBytes?: number;
  /** Size of one file of the log in bytes; limits apply to whole files. Default: the broker's. */
  readonly maxSegmentSize?: number;
  /** Number of members of the stream at its declaration. Default: the broker's. */
  readonly initialGroupSize?: number;
  /**
   * Node of the stream's leader: the node that declares the stream, or the one with the fewest leaders. Default: the
   * broker's.
   */
  readonly leaderLocator?: 'client-local' | 'balanced';
  /** Further arguments, sent unchanged. One that contradicts an option is a `ConfigurationError`. Default: none. */
  readonly arguments?: FieldTable;
}

/** In effect no limit, and a value that RabbitMQ 3 and 4 both accept; see decision 11. */
export const NO_DELIVERY_LIMIT = 2 ** 31 - 1;

const LOCATOR = valueOf(oneOf('client-local', 'balanced'));
const MAX_AGE: ValueCheck = {
  fits: (value) => /^\d+[YMDhms]$/.test(String(value)),
  expected: "a text such as '7D' or '12h' (units Y, M, D, h, m, s)",
};

const common = {
  deadLetterExchange: ['x-dead-letter-exchange', valueOf(TEXT)],
  deadLetterRoutingKey: ['x-dead-letter-routing-key', valueOf(TEXT)],
  messageTtl: ['x-message-ttl', duration],
  expires: ['x-expires', durationFromOne],
  maxLength: ['x-max-length', countFrom(0)],
  maxLengthBytes: ['x-max-length-bytes', countFrom(0)],
  overflow: ['x-overflow', valueOf(oneOf('drop-head', 'reject-publish', 'reject-publish-dlx'))],
  singleActiveConsumer: ['x-single-active-consumer', valueOf(FLAG)],
} as const;

const CLASSIC = { 'x-queue-type': 'classic' } as const;
const classic = { ...common, maxPriority: ['x-max-priority', finiteFrom(1)] } as const;

const quorum = {
  ...common,
  overflow: ['x-overflow', valueOf(oneOf('drop-head', 'reject-publish'))],
  deliveryLimit: ['x-delivery-limit', finiteFrom(-1)],
  deadLetterStrategy: ['x-dead-letter-strategy', valueOf(oneOf('at-most-once', 'at-least-once'))],
  initialGroupSize: ['x-quorum-initial-group-size', finiteFrom(1)],
  leaderLocator: ['x-queue-leader-locator', LOCATOR],
} as const;

const stream = {
  maxAge: ['x-max-age', valueOf(MAX_AGE)],
  maxLengthBytes: ['x-max-length-bytes', countFrom(0)],
  maxSegmentSize: ['x-stream-max-segment-size-bytes', finiteFrom(1)],
  initialGroupSize: ['x-initial-cluster-size', finiteFrom(1)],
  leaderLocator: ['x-queue-leader-locator', LOCATOR],
} as const;

/**
 * A classic queue: it lives on one node, is fast, and is not replicated (https://www.rabbitmq.com/docs/classic-queues).
 *
 * @example
 * ```ts
 * classicQueue('previews', { messageTtl: '1m', maxLength: 10_000 })
 * ```
 *
 * @throws ConfigurationError for an unknown option or an invalid value
 * @publicApi
 */
export function classicQueue(name: string, options: ClassicQueueOptions = {}): QueueDefinition {
  expectName(name);
  const exclusive = options.exclusive ?? false;
  return {
    name,
    durable: options.durable ?? !exclusive,
    exclusive,
    autoDelete: options.autoDelete ?? false,
    arguments: argumentTable(`queue '${name}'`, classic, options, ['durable', 'exclusive', 'autoDelete'], CLASSIC),
  };
}

/**
 * A quorum queue: it is replicated, and the recommended type for important messages
 * (https://www.rabbitmq.com/docs/quorum-queues).
 *
 * @example
 * ```ts
 * quorumQueue('billing', { deadLetterExchange: 'failed', deliveryLimit: 5 })
 * ```
 *
 * @throws ConfigurationError for an unknown option or an invalid value
 * @publicApi
 */
export function quorumQueue(name: string, options: QuorumQueueOptions = {}): QueueDefinition {
  return replicated(name, argumentTable(`queue '${name}'`, quorum, options, [], { 'x-queue-type': 'quorum' }));
}

/**
 * A stream: a replicated log whose messages stay after they are consumed (https://www.rabbitmq.com/docs/streams).
 *
 * @example
 * ```ts
 * streamQueue('audit', { maxAge: '7D' })
 * ```
 *
 * @throws ConfigurationError for an unknown option or an invalid value
 * @publicApi
 */
export function streamQueue(name: string, options: StreamQueueOptions = {}): QueueDefinition {
  return replicated(name, argumentTable(`queue '${name}'`, stream, options, [], { 'x-queue-type': 'stream' }));
}

/**
 * A queue of this process alone, so that every instance of the application gets every message. The broker chooses its
 * name (section 1.7.2.1 of the specification). The queue and its messages are deleted when the connection closes.
 *
 * @param name the application's name for the queue, used in bindings and consumers; the broker does not know it
 * @example
 * ```ts
 * topology: {
 *   queues: [serverNamedQueue('cache-updates')],
 *   bindings: [bindQueue('cache-updates', 'products', 'product.changed')],
 * }
 *
 * @AmqpConsumer('cache-updates')
 * ```
 *
 * @throws ConfigurationError for an unknown option or an invalid value
 * @publicApi
 */
export function serverNamedQueue(name: string, options: ServerNamedQueueOptions = {}): QueueDefinition {
  expectName(name);
  const table = argumentTable(`queue '${name}'`, classic, options, ['autoDelete'], CLASSIC);
  const autoDelete = options.autoDelete ?? false;
  return { name, durable: false, exclusive: true, autoDelete, arguments: table, serverNamed: true };
}

function replicated(name: string, table: FieldTable): QueueDefinition {
  expectName(name);
  return { name, durable: true, exclusive: false, autoDelete: false, arguments: table };
}

/** The broker would choose a name for a queue without one, and nobody could refer to it. */
function expectName(name: string): void {
  expectValue('the name of a queue', name, NAME);
}
