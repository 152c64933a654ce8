import { ConfigurationError, type FieldTable } from '../../../lib/client/index.js';
import type { QueueDeclareOptions } from '../../../lib/client/index.js';

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
  /** Milliseconds that a message lives in the queue. */
  readonly messageTtl?: number;
  /** Milliseconds without use until the queue is deleted. */
  readonly expires?: number;
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
  messageTtl: 'x-message-ttl',
  expires: 'x-expires',
  deadLetterExchange: 'x-dead-letter-exchange',
  deadLetterRoutingKey: 'x-dead-letter-routing-key',
  maxLength: 'x-max-length',
  maxPriority: 'x-max-priority',
  overflow: 'x-overflow',
  queueMode: 'x-queue-mode',
} as const satisfies Partial<Record<keyof QueueOptions, string>>;

const FLAGS = ['durable', 'exclusive', 'autoDelete', 'arguments', 'noAssert'];

/**
 * As amqplib would declare it, or the two could not share a queue; but a queue that the broker names is exclusive unless
 * it says otherwise: nobody else knows its name, and one more would be left behind at each start.
 *
 * @throws ConfigurationError for an option that is not known
 */
export function queueDeclaration(queue: string, options: QueueOptions = {}): QueueDeclareOptions {
  const table: FieldTable = { ...options.arguments };
  for (const [name, value] of Object.entries(options)) {
    if (FLAGS.includes(name)) continue;
    if (!(name in ARGUMENTS)) {
      const known = [...FLAGS, ...Object.keys(ARGUMENTS)].join(', ');
      throw new ConfigurationError(
        `queueOptions: unknown option '${name}'; known are: ${known}. Other arguments go into 'arguments'.`,
      );
    }
    if (value !== undefined) table[ARGUMENTS[name as keyof typeof ARGUMENTS]] = value as number | string;
  }
  const exclusive = options.exclusive ?? queue === '';
  const durable = options.durable ?? true;
  return { durable, exclusive, autoDelete: options.autoDelete ?? false, arguments: table };
}
