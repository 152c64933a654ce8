import type { Deserializer, Serializer } from '@nestjs/microservices';
import { ConfigurationError, type ConnectionOptions, type FieldTable, type Urls } from '../../../lib/client/index.js';
import { count, PREFETCH, type CountRange } from '../../common/count.js';
import { namesOf, refuseUnknown } from '../../common/known-options.js';
import { timeLimit, type Duration } from '../../common/duration.js';
import type { RetryOptions } from '../../settlement/retry/retry-options.js';
import type { TopologyOptions } from '../../topology/topology.js';
import type { QueueOptions } from './queue-options.js';
import type { RmqUrl, SocketOptions } from './socket-options.js';

/**
 * What server and client have in common, under the names that `Transport.RMQ` has for it. Both take each other's options,
 * so that one object can serve both.
 *
 * @publicApi
 */
export interface AmqpTransportOptions {
  /** Brokers, tried in random order, the next beside one that does not answer; also a function that finds them. Default `amqp://localhost`. */
  readonly urls?: Urls | readonly RmqUrl[];
  /** The queue to consume from and to send to. A server without one gets one of its own, named by the broker. */
  readonly queue?: string;
  /** How the queue is declared, in the words of amqplib. */
  readonly queueOptions?: QueueOptions;
  /** Take the queue as it is, do not declare it. Default false. */
  readonly noAssert?: boolean;
  /** The exchange to bind the queue to. With `wildcards` it is the queue's name when it is not given. */
  readonly exchange?: string;
  /** Default `topic`. With `fanout` clients publish to the exchange, and every server's queue gets a copy. */
  readonly exchangeType?: 'direct' | 'fanout' | 'topic' | 'headers' | (string & {});
  /** Arguments of the exchange: `alternate-exchange`, … */
  readonly exchangeArguments?: FieldTable;
  /** Binds the queue to the exchange. */
  readonly routingKey?: string;
  /**
   * Clients publish to the topic exchange with the pattern as routing key, and servers bind their queue by their handlers'
   * patterns, in which `*` is one word and `#` any number of them. Default false.
   */
  readonly wildcards?: boolean;
  /** Heartbeat, reconnecting, TLS, … as amqp-connection-manager calls them; {@link connection} has more. */
  readonly socketOptions?: SocketOptions;
  /** What else there is to say about the connection, over everything above. */
  readonly connection?: Omit<ConnectionOptions, 'urls' | 'connectionName' | 'logger' | 'signal'>;
  /** Shown by RabbitMQ. Default `nest-amqp server` or `nest-amqp client`, and the queue. */
  readonly connectionName?: string;
  /** Makes the packet that goes out. Default: takes records apart, else leaves it as it is. */
  readonly serializer?: Serializer;
  /** Makes a packet of what came in: of the JSON, or of the text where it is none. */
  readonly deserializer?: Deserializer;

  // Of servers.

  /**
   * Unacknowledged messages at most, and so messages handled at the same time. 0 or Infinity: no limit. Default 100 (`Transport.RMQ`:
   * no limit).
   */
  readonly prefetchCount?: number;
  /** Accepted and without effect: a server has one consumer on its channel, so both mean the same. */
  readonly isGlobalPrefetchCount?: boolean;
  /** Messages are gone when they are delivered, whatever becomes of them. Default false (`Transport.RMQ`: true). */
  readonly noAck?: boolean;
  /** Names the consumer. Default: the broker does. */
  readonly consumerTag?: string;
  /** Attempts to connect until `listen()` fails; -1 or Infinity for no end. What waiting does not mend fails at once. Default -1. */
  readonly maxConnectionAttempts?: number;
  /** `manual`: only the handler settles, by its context. Default `auto`: what it leaves open is settled by its outcome. */
  readonly ack?: 'auto' | 'manual';
  /**
   * What happens to events whose handler fails; requests are answered instead. Default: three attempts, then parked in
   * `<queue>.parked`; with `noAssert`, which lets nothing be declared, rejected at once.
   */
  readonly retry?: RetryOptions | false;
  /** For running handlers to end when the server closes: ms, or text as `'10s'`; Infinity for no limit. Default 10 s. */
  readonly gracePeriod?: Duration;

  // Of clients.

  /**
   * Where replies come in. A queue that is not there is declared, exclusive. Default `amq.rabbitmq.reply-to`
   * (https://www.rabbitmq.com/docs/direct-reply-to).
   */
  readonly replyQueue?: string;
  /** Messages survive a restart of the broker. Default: events do, requests do not (`Transport.RMQ`: neither). */
  readonly persistent?: boolean;
  /** Headers of every message; those of a record win. */
  readonly headers?: object;
  /** Messages that no queue takes are an error. Default true (`Transport.RMQ`: they are lost in silence). */
  readonly mandatory?: boolean;
  /**
   * Without a reply until a request fails; each reply of a stream begins it anew: ms, or text as `'10s'`; 0 or Infinity for no
   * limit. Default 30 s.
   */
  readonly requestTimeout?: Duration;
  /**
   * From an event to its confirm, a lost connection's absence included: ms, or text as `'10s'`; Infinity for no limit.
   * Default 30 s.
   */
  readonly publishTimeout?: Duration;
}

const KNOWN = namesOf({
  urls: 0,
  queue: 0,
  queueOptions: 0,
  noAssert: 0,
  exchange: 0,
  exchangeType: 0,
  exchangeArguments: 0,
  routingKey: 0,
  wildcards: 0,
  socketOptions: 0,
  connection: 0,
  connectionName: 0,
  serializer: 0,
  deserializer: 0,
  prefetchCount: 0,
  isGlobalPrefetchCount: 0,
  noAck: 0,
  consumerTag: 0,
  maxConnectionAttempts: 0,
  ack: 0,
  retry: 0,
  gracePeriod: 0,
  replyQueue: 0,
  persistent: 0,
  headers: 0,
  mandatory: 0,
  requestTimeout: 0,
  publishTimeout: 0,
} satisfies Record<keyof AmqpTransportOptions, 0>);

const COUNTS = { prefetchCount: PREFETCH, maxConnectionAttempts: { min: -1 } } as const;
const DURATIONS = ['gracePeriod', 'requestTimeout', 'publishTimeout'] as const;

/** `ClientsModule` and JavaScript take options of any kind; a misspelt one must not be a default. @throws ConfigurationError */
export function checkOptions(what: string, options: AmqpTransportOptions): void {
  refuseUnknown(what, options, KNOWN);
  for (const [name, range] of Object.entries(COUNTS) as [keyof typeof COUNTS, CountRange][]) {
    const value = options[name];
    if (value !== undefined) count(value, `${what}: ${name}`, range);
  }
  for (const name of DURATIONS) {
    const value = options[name];
    if (value !== undefined) timeLimit(value, `${what}: ${name}`);
  }
  if (options.ack === 'manual' && options.noAck === true) {
    throw new ConfigurationError(`${what}: with noAck there is nothing to settle; leave out ack: 'manual', or noAck`);
  }
}

/** The queue is there, and is not ours to declare: because the options say so, or else those of the connection. */
export function isTakenAsItIs(
  { noAssert, queueOptions }: AmqpTransportOptions,
  { declare = 'assert' }: TopologyOptions = {},
): boolean {
  return noAssert ?? queueOptions?.noAssert ?? declare !== 'assert';
}

/** Clients publish to the exchange, by the pattern; else to the queue. */
export function publishesToExchange({ wildcards, exchangeType }: AmqpTransportOptions): boolean {
  return wildcards === true || exchangeType === 'fanout';
}

/** The exchange, where there is one. @throws ConfigurationError when it has no name */
export function exchangeOf(options: AmqpTransportOptions): string | undefined {
  if (!options.exchange && !publishesToExchange(options)) return undefined;
  const exchange = options.exchange || options.queue;
  if (exchange) return exchange;
  throw new ConfigurationError('the exchange has no name: give `exchange`, or a `queue` whose name it shall have');
}
