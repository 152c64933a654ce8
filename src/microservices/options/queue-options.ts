import { ConfigurationError, type FieldTable } from '../../../lib/client/index.js';
import type { QueueDeclareOptions } from '../../../lib/client/index.js';
import { unknownOption } from '../../../lib/option-names/index.js';
import type { Duration } from '../../common/duration.js';
import { countFrom, duration, finiteFrom, namedArguments, type NamedArguments } from '../../topology/argument-table.js';

/**
 * How a queue is declared, under the names that amqplib has for it.
 *
 * @publicApi
 */
export interface QueueOptions {
  /** Survives a restart of the broker. Default true. */
  readonly durable?: boolean;
  /** For this connection only, and gone with it. Default: where the broker names the queue. */
  readonly exclusive?: boolean;
  /** Deleted with its last consumer. Default false. */
  readonly autoDelete?: boolean;
  /** How long a message lives in the queue: ms, or text as `'10s'`. Default, or Infinity: for good. */
  readonly messageTtl?: Duration;
  /** Without use until the queue is deleted: ms, or text as `'30m'`. Default, or Infinity: it is not. */
  readonly expires?: Duration;
  readonly deadLetterExchange?: string;
  readonly deadLetterRoutingKey?: string;
  /** Messages at most. */
  readonly maxLength?: number;
  /** Makes it a priority queue (https://www.rabbitmq.com/docs/priority). */
  readonly maxPriority?: number;
  readonly overflow?: 'drop-head' | 'reject-publish' | 'reject-publish-dlx';
  readonly queueMode?: 'default' | 'lazy';
  /** Further arguments, as they are: `{ 'x-queue-type': 'quorum' }`. */
  readonly arguments?: FieldTable;
  /** As the option of that name beside `queueOptions`. */
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
} as const satisfies NamedArguments<QueueOptions>;

const FLAGS = ['durable', 'exclusive', 'autoDelete', 'arguments', 'noAssert'];

/**
 * As amqplib would declare it, or the two could not share a queue; but a queue that the broker names is exclusive unless
 * it says otherwise: nobody else knows its name, and one more would be left behind at each start.
 *
 * @throws ConfigurationError for an option that is not known, or a value that makes no sense
 */
export function queueDeclaration(queue: string, options: QueueOptions = {}): QueueDeclareOptions {
  const unknown = unknownOption(options, [...FLAGS, ...Object.keys(ARGUMENTS)]);
  if (unknown !== undefined) {
    throw new ConfigurationError(`queueOptions: ${unknown}. Other arguments go into 'arguments'.`);
  }
  const table: FieldTable = { ...options.arguments, ...namedArguments('queueOptions', ARGUMENTS, options) };
  const exclusive = options.exclusive ?? queue === '';
  const durable = options.durable ?? true;
  return { durable, exclusive, autoDelete: options.autoDelete ?? false, arguments: table };
}
