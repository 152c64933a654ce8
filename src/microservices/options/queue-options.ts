import { ConfigurationError, type FieldTable } from '../../../lib/client/index.js';
import type { QueueDeclareOptions } from '../../../lib/client/index.js';
import { unknownOption } from '../../../lib/option-names/index.js';
import { checkValues, FLAG, OBJECT } from '../../common/option-values.js';
import type { Duration } from '../../common/duration.js';
import { countFrom, duration, finiteFrom, namedArguments, type NamedArguments } from '../../topology/argument-table.js';

/**
 * Declaration of a queue, with amqplib's names.
 *
 * @publicApi
 */
export interface TransportQueueOptions {
  /** The queue survives a restart of the broker. Default true. */
  readonly durable?: boolean;
  /**
   * Only this connection can use the queue, and the queue is deleted with it. Default: true for server-named queues,
   * else false.
   */
  readonly exclusive?: boolean;
  /** The queue is deleted when its last consumer ends. Default false. */
  readonly autoDelete?: boolean;
  /** Time after which a message expires: ms, or a text such as `'10s'`. Default and Infinity: never. */
  readonly messageTtl?: Duration;
  /** Time after which the unused queue is deleted: ms, or a text such as `'30m'`. Default and Infinity: never. */
  readonly expires?: Duration;
  /** Exchange that receives rejected, expired and dropped messages (https://www.rabbitmq.com/docs/dlx). Default: none. */
  readonly deadLetterExchange?: string;
  /** Routing key of dead-lettered messages. Default: their own routing key. */
  readonly deadLetterRoutingKey?: string;
  /** Maximum number of ready messages. Default: no limit. */
  readonly maxLength?: number;
  /**
   * Highest priority; makes the queue a priority queue (https://www.rabbitmq.com/docs/priority). Default: no
   * priorities.
   */
  readonly maxPriority?: number;
  /** The effect of `maxLength`: the oldest message is dropped, or the new one is nacked. Default `drop-head`. */
  readonly overflow?: 'drop-head' | 'reject-publish' | 'reject-publish-dlx';
  /** `lazy` keeps messages on disk (RabbitMQ before 3.12; later versions ignore it). Default: the broker's. */
  readonly queueMode?: 'default' | 'lazy';
  /** Further arguments, sent unchanged: `{ 'x-queue-type': 'quorum' }`. Default: none. */
  readonly arguments?: FieldTable;
  /** Same as the option `noAssert` beside `queueOptions`. */
  readonly noAssert?: boolean;
}

const ARGUMENTS = {
  messageTtl: ['x-message-ttl', duration],
  expires: ['x-expires', duration],
  deadLetterExchange: 'x-dead-letter-exchange',
  deadLetterRoutingKey: 'x-dead-letter-routing-key',
  maxLength: ['x-max-length', countFrom(0)],
  maxPriority: ['x-max-priority', finiteFrom(1)],
  overflow: 'x-overflow',
  queueMode: 'x-queue-mode',
} as const satisfies NamedArguments<TransportQueueOptions>;

const VALUES = { durable: FLAG, exclusive: FLAG, autoDelete: FLAG, arguments: OBJECT, noAssert: FLAG } as const;

/**
 * Builds the same declaration as amqplib does, so that both can share a queue. One exception: a server-named queue is
 * exclusive unless the options say otherwise, since nobody else knows its name, and each start would leave a queue
 * behind.
 *
 * @throws ConfigurationError for an unknown option or an invalid value
 */
export function queueDeclaration(queue: string, options: TransportQueueOptions = {}): QueueDeclareOptions {
  const unknown = unknownOption(options, [...Object.keys(VALUES), ...Object.keys(ARGUMENTS)]);
  if (unknown !== undefined) {
    throw new ConfigurationError(`queueOptions: ${unknown}. Other arguments go into 'arguments'.`);
  }
  checkValues('queueOptions', options, VALUES);
  const table: FieldTable = { ...options.arguments, ...namedArguments('queueOptions', ARGUMENTS, options) };
  const exclusive = options.exclusive ?? queue === '';
  const durable = options.durable ?? true;
  return { durable, exclusive, autoDelete: options.autoDelete ?? false, arguments: table };
}
