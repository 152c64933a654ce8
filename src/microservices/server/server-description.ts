import type { ServerDescription } from '../../consumers/discovery/described-server.js';
import { hasWildcards } from '../../common/topic-pattern.js';
import { bindQueue } from '../../topology/bindings.js';
import { exchange as exchangeDefinition } from '../../topology/exchanges.js';
import type { TopologyOptions } from '../../topology/topology.js';
import type { ConnectionSource } from '../connection-source.js';
import { connectionOptions } from '../options/connection-options.js';
import { policyOf } from '../options/event-retries.js';
import { queueDeclaration } from '../options/queue-options.js';
import {
  exchangeOf,
  isTakenAsItIs,
  publishesToExchange,
  type AmqpTransportOptions,
} from '../options/transport-options.js';
import { bindingKeys } from '../options/transport-topology.js';

/** The name of a queue that the broker names. */
const SERVER_NAMED = 'AmqpServer';

/** Describes a server that need not listen yet. @throws ConfigurationError */
export function describeServer(
  given: AmqpTransportOptions,
  source: ConnectionSource,
  transport: symbol,
  patternOf: ServerDescription['patternOf'],
): ServerDescription {
  const options = { ...given, noAssert: isTakenAsItIs(given, source.topology) };
  const queue = options.queue || SERVER_NAMED;
  const exchange = exchangeOf(options);
  const { connectionName, urls } = connectionOptions(options, 'server');
  return {
    connection: source.named ?? { connectionName: connectionName!, urls: urls! },
    queue,
    policy: options.noAck ? undefined : policyOf('AmqpServer', options),
    isCustom: options.serializer !== undefined || options.deserializer !== undefined,
    transport,
    patternOf,
    placeOf(pattern) {
      if (exchange === undefined || !publishesToExchange(options)) return undefined;
      if (options.exchangeType === 'fanout') return { exchange, routingKey: '' };
      return hasWildcards(pattern) ? undefined : { exchange, routingKey: pattern };
    },
    topology(patterns): TopologyOptions {
      const {
        durable = true,
        exclusive = false,
        autoDelete = false,
        arguments: table = {},
      } = queueDeclaration(options.queue ?? '', options.queueOptions);
      const serverNamed = !options.queue;
      const queues = [{ name: queue, durable, exclusive, autoDelete, arguments: table, serverNamed }];
      if (exchange === undefined) return { queues };
      const { exchangeType = 'topic', exchangeArguments = {} } = options;
      return {
        queues,
        exchanges: [exchangeDefinition(exchange, exchangeType, { arguments: exchangeArguments })],
        bindings: bindingKeys(options, patterns).map((key) => bindQueue(queue, exchange, key)),
      };
    },
  };
}
