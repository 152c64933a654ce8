import { NotFoundError, type Channel, type Connection } from '../../../lib/client/index.js';
import { topologyError } from '../../topology/topology.errors.js';
import { queueDeclaration } from './queue-options.js';
import { exchangeOf, isTakenAsItIs, publishesToExchange, type AmqpTransportOptions } from './transport-options.js';

/**
 * Declares what a server consumes from: its queue, its exchange, and the bindings. The connection declares it again after
 * a loss.
 *
 * @returns the queue's name
 * @param patterns of the handlers, which are routing keys when `wildcards` is set
 * @throws TopologyError that names what the broker refused, ConfigurationError
 */
export async function declareForServer(
  connection: Connection,
  options: AmqpTransportOptions,
  patterns: Iterable<string>,
): Promise<string> {
  const { queue = '', queueOptions } = options;
  const exchange = exchangeOf(options);
  const declaration = queueDeclaration(queue, queueOptions);
  return connection.withScratchChannel(async (channel) => {
    let name = queue;
    if (isDeclared(options))
      await attempt(`queue '${queue}'`, async () => ({ queue: name } = await channel.queueDeclare(queue, declaration)));
    if (exchange !== undefined) {
      await declareExchange(channel, exchange, options);
      for (const key of bindingKeys(options, patterns)) await bind(channel, name, exchange, key);
    }
    return name;
  });
}

/** Returns the routing keys by which a server binds its queue to its exchange. */
export function bindingKeys(options: AmqpTransportOptions, patterns: Iterable<string>): readonly string[] {
  const { wildcards, exchangeType, routingKey } = options;
  const keys = new Set(wildcards ? patterns : []);
  if (exchangeType === 'fanout') keys.add('');
  else if (routingKey) keys.add(routingKey);
  return [...keys];
}

/** Returns true if the server's queue is exclusive to its connection. */
export function isExclusive(options: AmqpTransportOptions): boolean {
  return isDeclared(options) && queueDeclaration(options.queue ?? '', options.queueOptions).exclusive === true;
}

/** A server-named queue has to be declared even with `noAssert`. */
function isDeclared(options: AmqpTransportOptions): boolean {
  return !options.queue || !isTakenAsItIs(options);
}

/**
 * Declares what a client sends to: the exchange, or else the queue.
 *
 * @throws TopologyError that names what the broker refused, ConfigurationError
 */
export async function declareForClient(connection: Connection, options: AmqpTransportOptions): Promise<void> {
  const { queue = '', queueOptions, routingKey, exchange } = options;
  await connection.withScratchChannel(async (channel) => {
    if (publishesToExchange(options)) return declareExchange(channel, exchangeOf(options)!, options);
    if (!isTakenAsItIs(options)) {
      const declaration = queueDeclaration(queue, queueOptions);
      await attempt(`queue '${queue}'`, () => channel.queueDeclare(queue, declaration));
    }
    if (exchange && routingKey) await bind(channel, queue, exchange, routingKey);
  });
}

/**
 * Uses an existing queue as it is. A missing queue is declared as exclusive: two clients that share a reply queue would
 * get each other's replies.
 */
export async function declareReplyQueue(connection: Connection, queue: string): Promise<void> {
  try {
    await connection.withScratchChannel((channel) => channel.queueDeclare(queue, { passive: true }));
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    await connection.withScratchChannel((channel) => channel.queueDeclare(queue, { exclusive: true }));
  }
}

async function declareExchange(channel: Channel, exchange: string, options: AmqpTransportOptions): Promise<void> {
  const { exchangeType = 'topic', exchangeArguments = {} } = options;
  await attempt(`exchange '${exchange}'`, () =>
    channel.exchangeDeclare(exchange, exchangeType, { durable: true, arguments: exchangeArguments }),
  );
}

async function bind(channel: Channel, queue: string, exchange: string, routingKey: string): Promise<void> {
  const entity = `binding of queue '${queue}' to exchange '${exchange}' with routing key '${routingKey}'`;
  await attempt(entity, () => channel.queueBind(queue, exchange, routingKey));
}

async function attempt(entity: string, declare: () => Promise<unknown>): Promise<void> {
  try {
    await declare();
  } catch (error) {
    throw topologyError(entity, error, 'declare');
  }
}
