import type { Deserializer, Serializer } from '@nestjs/microservices';
import {
  checkConnectionOptions,
  ConfigurationError,
  type ConnectionOptions,
  type FieldTable,
  type Urls,
} from '../../../lib/client/index.js';
import { count, PREFETCH, type CountRange } from '../../common/count.js';
import { checkValues, FLAG, NAME, OBJECT, oneOf, TEXT, type ValueChecks } from '../../common/option-values.js';
import { namesOf } from '../../../lib/option-names/index.js';
import { refuseUnknown } from '../../common/known-options.js';
import { checkedTimeout, timeLimit, type Duration } from '../../common/duration.js';
import type { RetryOptions } from '../../settlement/retry/retry-options.js';
import type { TopologyOptions } from '../../topology/topology.js';
import { queueDeclaration, type TransportQueueOptions } from './queue-options.js';
import { checkSocketOptions, type RmqUrl, type SocketOptions } from './socket-options.js';

/**
 * Options of servers and clients, with the names of `Transport.RMQ`. Both accept all options, so one object can serve
 * both.
 *
 * @publicApi
 */
export interface AmqpTransportOptions {
  /**
   * URLs of the brokers, or a function that returns them. They are tried in random order; if one does not answer, the
   * next is tried in parallel. Default `amqp://localhost`; `undefined` is refused, since the configuration is missing then.
   */
  readonly urls?: Urls | readonly RmqUrl[];
  /**
   * The queue that the server consumes and the client publishes to. Default for a server: a queue that the broker
   * names.
   */
  readonly queue?: string;
  /** Declaration of the queue, with amqplib's names. Default: the defaults of {@link TransportQueueOptions}. */
  readonly queueOptions?: TransportQueueOptions;
  /** Use the queue without declaring it. Default false. */
  readonly noAssert?: boolean;
  /** The exchange that the queue is bound to. Default with `wildcards`: the name of the queue. */
  readonly exchange?: string;
  /**
   * Type of the exchange. With `fanout`, clients publish to the exchange and the queue of every server gets a copy.
   * Default `topic`.
   */
  readonly exchangeType?: 'direct' | 'fanout' | 'topic' | 'headers' | (string & {});
  /** Arguments of the exchange: `alternate-exchange`, … Default: none. */
  readonly exchangeArguments?: FieldTable;
  /** Routing key of the binding between queue and exchange. */
  readonly routingKey?: string;
  /**
   * Clients publish to the topic exchange with the pattern as routing key. Servers bind their queue by the patterns of
   * their handlers, where `*` stands for one word and `#` for any number of words. Default false.
   */
  readonly wildcards?: boolean;
  /**
   * Heartbeat, reconnecting and TLS, with the names of amqp-connection-manager. {@link connection} has more options.
   * Default: the defaults of the client core.
   */
  readonly socketOptions?: SocketOptions;
  /** Options of the client core. They take precedence over the options above. Default: its defaults. */
  readonly connection?: Omit<ConnectionOptions, 'urls' | 'connectionName' | 'logger' | 'signal'>;
  /**
   * Name of the connection, shown in RabbitMQ's management pages. Default: `nest-amqp server` or `nest-amqp client`,
   * with the queue.
   */
  readonly connectionName?: string;
  /** Creates the outgoing packet. Default: takes the data of a record, and leaves other values unchanged. */
  readonly serializer?: Serializer;
  /** Creates a packet from the received JSON, or from the text if it is not JSON. */
  readonly deserializer?: Deserializer;

  // Options of servers:

  /**
   * Maximum number of unacknowledged messages, and so of handlers that run at once. 0 or Infinity: no limit. Default
   * 100 (`Transport.RMQ`: no limit).
   */
  readonly prefetchCount?: number;
  /** Accepted without effect: a server has one consumer on its channel, so both values mean the same. */
  readonly isGlobalPrefetchCount?: boolean;
  /**
   * Messages count as settled when they are delivered, whether or not they are handled. Default false (`Transport.RMQ`:
   * true).
   */
  readonly noAck?: boolean;
  /** The consumer tag. Default: the broker chooses it. */
  readonly consumerTag?: string;
  /**
   * Number of attempts to connect before `listen()` fails; -1 or Infinity for no limit. Errors that waiting cannot
   * solve fail at once. Default -1.
   */
  readonly maxConnectionAttempts?: number;
  /**
   * `manual`: only the handler settles a message, through its context. Default `auto`: the server settles messages that
   * the handler has not settled.
   */
  readonly ack?: 'auto' | 'manual';
  /**
   * Retries of events whose handler fails; requests are answered instead. Default: three attempts, then parked in
   * `<queue>.parked`. With `noAssert`, which forbids declarations, the default is to reject at once.
   */
  readonly retry?: RetryOptions | false;
  /**
   * The longest time for one handler call: ms, or text such as `'30s'`. For a stream of replies, the time until its first
   * reply. After it, `context.signal` is aborted, an event fails, a request is answered with an error, and the handler's
   * result is ignored. Default: no limit, as with Infinity.
   */
  readonly timeout?: Duration;
  /**
   * Time for running handlers to finish when the server closes: ms, or a text such as `'10s'`; Infinity for no limit.
   * Default 10 s.
   */
  readonly gracePeriod?: Duration;

  // Options of clients:

  /**
   * Queue that receives replies. If it does not exist, it is declared as exclusive. Default `amq.rabbitmq.reply-to`
   * (https://www.rabbitmq.com/docs/direct-reply-to).
   */
  readonly replyQueue?: string;
  /**
   * Messages survive a restart of the broker. Default: true for events, false for requests (`Transport.RMQ`: false for
   * both).
   */
  readonly persistent?: boolean;
  /** Headers of every message; headers of a record take precedence. Default: none. */
  readonly headers?: object;
  /**
   * A message that is routed to no queue is an error. Default true (`Transport.RMQ`: such a message is lost silently); false
   * for a message with the header `x-delay`, which an exchange of type `x-delayed-message` returns although it delivers the
   * message later.
   */
  readonly mandatory?: boolean;
  /**
   * Time until a request without a reply fails; each reply of a stream restarts it: ms, or a text such as `'10s'`; 0 or
   * Infinity for no limit. Default 30 s.
   */
  readonly requestTimeout?: Duration;
  /**
   * Time until an event must be confirmed, including waits for a lost connection: ms, or a text such as `'10s'`;
   * Infinity for no limit. Default 30 s.
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
  timeout: 0,
  gracePeriod: 0,
  replyQueue: 0,
  persistent: 0,
  headers: 0,
  mandatory: 0,
  requestTimeout: 0,
  publishTimeout: 0,
} satisfies Record<keyof AmqpTransportOptions, 0>);

const COUNTS = { prefetchCount: PREFETCH, maxConnectionAttempts: { min: -1 } } as const;
const DURATIONS = ['gracePeriod', 'requestTimeout'] as const;
const TIMEOUTS = ['timeout', 'publishTimeout'] as const;
const VALUES: ValueChecks<AmqpTransportOptions> = {
  queue: TEXT,
  noAssert: FLAG,
  exchange: TEXT,
  exchangeType: NAME,
  exchangeArguments: OBJECT,
  routingKey: TEXT,
  wildcards: FLAG,
  socketOptions: OBJECT,
  connection: OBJECT,
  connectionName: TEXT,
  isGlobalPrefetchCount: FLAG,
  noAck: FLAG,
  consumerTag: TEXT,
  ack: oneOf('auto', 'manual'),
  replyQueue: TEXT,
  persistent: FLAG,
  headers: OBJECT,
  mandatory: FLAG,
};

/**
 * Refuses unknown options and wrong values: `ClientsModule` and JavaScript accept anything, a misspelt option would silently
 * have its default, and `noAck: 'false'` would be true. @throws ConfigurationError
 */
export function checkOptions(what: string, options: AmqpTransportOptions): AmqpTransportOptions {
  refuseUnknown(what, options, KNOWN);
  checkValues(what, options, VALUES);
  if (options.socketOptions !== undefined) checkSocketOptions(what, options.socketOptions);
  if (options.connection !== undefined) checkConnection(`${what}: connection`, options.connection);
  expectUrls(what, options);
  queueDeclaration(options.queue ?? '', options.queueOptions);
  for (const [name, range] of Object.entries(COUNTS) as [keyof typeof COUNTS, CountRange][]) {
    const value = options[name];
    if (value !== undefined) count(value, `${what}: ${name}`, range);
  }
  for (const name of DURATIONS) {
    const value = options[name];
    if (value !== undefined) timeLimit(value, `${what}: ${name}`);
  }
  for (const name of TIMEOUTS) {
    const value = options[name];
    if (value !== undefined) checkedTimeout(value, `${what}: ${name}`);
  }
  if (options.ack === 'manual' && options.noAck === true) {
    throw new ConfigurationError(
      `${what}: ack: 'manual' cannot be combined with noAck, since such messages need no settlement; remove one of both`,
    );
  }
  return options;
}

/** Options of the client core that the transport sets itself. */
const ELSEWHERE = {
  urls: 'would have no effect: set urls beside connection',
  connectionName: 'would have no effect: set connectionName beside connection',
  logger: "would have no effect: the transport logs through Nest's Logger",
  signal: 'would have no effect: close() ends the connection',
};

/** @throws ConfigurationError */
function checkConnection(place: string, given: ConnectionOptions): void {
  for (const [name, instead] of Object.entries(ELSEWHERE)) {
    if (name in given) throw new ConfigurationError(`${place}: '${name}' ${instead}`);
  }
  try {
    checkConnectionOptions(given);
  } catch (cause) {
    throw new ConfigurationError(`${place}: ${(cause as Error).message}`, { cause });
  }
}

/** An application that has lost its configuration must not connect to localhost. @throws ConfigurationError */
function expectUrls(what: string, options: AmqpTransportOptions): void {
  const { urls, socketOptions } = options;
  const first: unknown = Array.isArray(urls) ? urls[0] : urls;
  const isGiven = 'urls' in options && socketOptions?.findServers === undefined;
  if (!isGiven || (first !== undefined && first !== null && first !== '')) return;
  throw new ConfigurationError(
    `${what}: urls has no URL. If it comes from the environment, the variable is probably not set. Leave urls out for ` +
      'amqp://localhost.',
  );
}

/** Returns true if the queue exists and must not be declared, because of these options or of the connection's. */
export function isTakenAsItIs(
  { noAssert, queueOptions }: AmqpTransportOptions,
  { declare = 'assert' }: TopologyOptions = {},
): boolean {
  return noAssert ?? queueOptions?.noAssert ?? declare !== 'assert';
}

/** Returns true if clients publish to the exchange, by pattern; otherwise they publish to the queue. */
export function publishesToExchange({ wildcards, exchangeType }: AmqpTransportOptions): boolean {
  return wildcards === true || exchangeType === 'fanout';
}

/** Returns the name of the exchange, if there is one. @throws ConfigurationError if it has no name */
export function exchangeOf(options: AmqpTransportOptions): string | undefined {
  if (!options.exchange && !publishesToExchange(options)) return undefined;
  const exchange = options.exchange || options.queue;
  if (exchange) return exchange;
  throw new ConfigurationError(
    'the exchange has no name: set `exchange`, or set `queue` to give the exchange the same name',
  );
}
