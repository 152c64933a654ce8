import type { FieldTable } from '../../lib/client/index.js';
import type { Duration } from '../common/duration.js';
import { argumentTable, countFrom, duration, finiteFrom } from './argument-table.js';

/** A queue to declare. Make one with {@link classicQueue}, {@link quorumQueue}, {@link streamQueue}, {@link serverNamedQueue}. */
export interface QueueDefinition {
  readonly name: string;
  readonly durable: boolean;
  readonly exclusive: boolean;
  readonly autoDelete: boolean;
  readonly arguments: FieldTable;
  /** The broker names it; `name` is what the application calls it. Default false. */
  readonly serverNamed?: boolean;
}

/** What classic and quorum queues have in common. */
export interface QueueOptions {
  /** Where rejected, expired and dropped messages go (https://www.rabbitmq.com/docs/dlx). Default: nowhere. */
  readonly deadLetterExchange?: string;
  /** Their routing key there. Default: the one they came with. */
  readonly deadLetterRoutingKey?: string;
  /** Until a message expires (https://www.rabbitmq.com/docs/ttl): ms, or text as `'10s'`. Default, or Infinity: never. */
  readonly messageTtl?: Duration;
  /**
   * Without consumers, gets and redeclarations until the queue is deleted, with all that is in it
   * (https://www.rabbitmq.com/docs/ttl#queue-ttl): ms, or text as `'30m'`. Default, or Infinity: never.
   */
  readonly expires?: Duration;
  /** Most ready messages (https://www.rabbitmq.com/docs/maxlength). Default, or Infinity: no limit. */
  readonly maxLength?: number;
  /** Most bytes of ready messages. Default, or Infinity: no limit. */
  readonly maxLengthBytes?: number;
  /** What gives way when a limit is reached: the oldest message (`drop-head`, the default), or the new one. */
  readonly overflow?: 'drop-head' | 'reject-publish' | 'reject-publish-dlx';
  /**
   * Deliver to one consumer only, and to the next when that one goes
   * (https://www.rabbitmq.com/docs/consumers#single-active-consumer). Default false.
   */
  readonly singleActiveConsumer?: boolean;
  /** Further arguments, as they are. */
  readonly arguments?: FieldTable;
}

/** Options of {@link classicQueue}. */
export interface ClassicQueueOptions extends QueueOptions {
  /** Survives a restart of the broker. Default true, unless exclusive. */
  readonly durable?: boolean;
  /** Only for this connection, and gone with it. Default false. */
  readonly exclusive?: boolean;
  /** Goes when its last consumer goes. Default false. */
  readonly autoDelete?: boolean;
  /** Priorities from 0 to this, 10 at most in practice (https://www.rabbitmq.com/docs/priority). Default: no priorities. */
  readonly maxPriority?: number;
}

/** Options of {@link serverNamedQueue}, which is exclusive, and deleted when its connection closes. */
export type ServerNamedQueueOptions = Omit<ClassicQueueOptions, 'durable' | 'exclusive'>;

/** Options of {@link quorumQueue}, which is always durable and never exclusive. */
export interface QuorumQueueOptions extends QueueOptions {
  readonly overflow?: 'drop-head' | 'reject-publish';
  /**
   * Deliveries of a message until it is dead-lettered or dropped
   * (https://www.rabbitmq.com/docs/quorum-queues#poison-message-handling). Default: the broker's (RabbitMQ 4: 20, and
   * -1 is no limit).
   */
  readonly deliveryLimit?: number;
  /** `at-least-once` needs `overflow: 'reject-publish'`. Default `at-most-once`. */
  readonly deadLetterStrategy?: 'at-most-once' | 'at-least-once';
  /** Members of the queue at its declaration. Default: the broker's. */
  readonly initialGroupSize?: number;
  /**
   * Where the queue's leader is put: on the node that declares it, or where the fewest are
   * (https://www.rabbitmq.com/docs/clustering#replica-placement). Default: the broker's.
   */
  readonly leaderLocator?: 'client-local' | 'balanced';
}

/** Options of {@link streamQueue}, which is always durable, never exclusive, and keeps what was consumed. */
export interface StreamQueueOptions {
  /** How long messages are kept: `7D`, `12h` (units Y, M, D, h, m, s). Default: no limit. */
  readonly maxAge?: string;
  /** How many bytes are kept. Default: no limit. */
  readonly maxLengthBytes?: number;
  /** Size of one file of the log in bytes; limits are applied to whole files. Default: the broker's. */
  readonly maxSegmentSize?: number;
  /** Members of the stream at its declaration. Default: the broker's. */
  readonly initialGroupSize?: number;
  /** Where the stream's leader is put: on the node that declares it, or where the fewest are. Default: the broker's. */
  readonly leaderLocator?: 'client-local' | 'balanced';
  /** Further arguments, as they are. */
  readonly arguments?: FieldTable;
}

const common = {
  deadLetterExchange: 'x-dead-letter-exchange',
  deadLetterRoutingKey: 'x-dead-letter-routing-key',
  messageTtl: ['x-message-ttl', duration],
  expires: ['x-expires', duration],
  maxLength: ['x-max-length', countFrom(0)],
  maxLengthBytes: ['x-max-length-bytes', countFrom(0)],
  overflow: 'x-overflow',
  singleActiveConsumer: 'x-single-active-consumer',
} as const;

const quorum = {
  ...common,
  deliveryLimit: ['x-delivery-limit', finiteFrom(-1)],
  deadLetterStrategy: 'x-dead-letter-strategy',
  initialGroupSize: ['x-quorum-initial-group-size', finiteFrom(1)],
  leaderLocator: 'x-queue-leader-locator',
} as const;

const stream = {
  maxAge: 'x-max-age',
  maxLengthBytes: ['x-max-length-bytes', countFrom(0)],
  maxSegmentSize: ['x-stream-max-segment-size-bytes', finiteFrom(1)],
  initialGroupSize: ['x-initial-cluster-size', finiteFrom(1)],
  leaderLocator: 'x-queue-leader-locator',
} as const;

/**
 * A queue on one node: quick, not replicated (https://www.rabbitmq.com/docs/classic-queues).
 *
 * @publicApi
 */
export function classicQueue(name: string, options: ClassicQueueOptions = {}): QueueDefinition {
  const exclusive = options.exclusive ?? false;
  return {
    name,
    durable: options.durable ?? !exclusive,
    exclusive,
    autoDelete: options.autoDelete ?? false,
    arguments: {
      'x-queue-type': 'classic',
      ...argumentTable(
        `queue '${name}'`,
        { ...common, maxPriority: ['x-max-priority', finiteFrom(1)] } as const,
        options,
        ['durable', 'exclusive', 'autoDelete'],
      ),
    },
  };
}

/**
 * A replicated queue, the one to take for messages that matter (https://www.rabbitmq.com/docs/quorum-queues).
 *
 * @example
 * ```ts
 * quorumQueue('billing', { deadLetterExchange: 'failed', deliveryLimit: 5 })
 * ```
 *
 * @publicApi
 */
export function quorumQueue(name: string, options: QuorumQueueOptions = {}): QueueDefinition {
  return replicated(name, { 'x-queue-type': 'quorum', ...argumentTable(`queue '${name}'`, quorum, options) });
}

/**
 * A replicated log that consumers read without taking away (https://www.rabbitmq.com/docs/streams).
 *
 * @publicApi
 */
export function streamQueue(name: string, options: StreamQueueOptions = {}): QueueDefinition {
  return replicated(name, { 'x-queue-type': 'stream', ...argumentTable(`queue '${name}'`, stream, options) });
}

/**
 * A queue for this process alone: what is published to all instances, each of them gets. The broker makes up its name
 * (section 1.7.2.1 of the specification), and it goes with the connection: what it holds then is lost.
 *
 * @param name what the application calls it, in bindings and consumers; nobody else sees it
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
 * @publicApi
 */
export function serverNamedQueue(name: string, options: ServerNamedQueueOptions = {}): QueueDefinition {
  return { ...classicQueue(name, { ...options, exclusive: true }), serverNamed: true };
}

function replicated(name: string, table: FieldTable): QueueDefinition {
  return { name, durable: true, exclusive: false, autoDelete: false, arguments: table };
}
