import type { INestApplicationContext } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { ConfigurationError } from '../../../lib/client/index.js';
import { ConsumerExplorer, type DiscoveredConsumer } from '../../consumers/discovery/consumer.explorer.js';
import { ConsumerSettings } from '../../consumers/discovery/consumer-settings.js';
import { listOf, selectionOf } from '../../consumers/dispatch/selection.js';
import { sharedOptions } from '../../consumers/dispatch/shared-options.js';
import type { SelectionOptions } from '../../consumers/options/selection-options.js';
import { ExchangePublisher } from '../../publishers/exchange.publisher.js';
import { ConnectionRegistry } from '../../registry/connection-registry.js';
import { DEFAULT_CONNECTION } from '../../connection/amqp.tokens.js';
import { DESCRIBE, type ServerDescription } from '../../consumers/discovery/described-server.js';
import { NamedConnection } from '../../registry/named-connection.js';
import { bindQueue, type BindingDefinition } from '../../topology/bindings.js';
import type { TopologyOptions } from '../../topology/topology.js';
import { Places, type SurveyedConnection } from './places.js';
import { handlersOf, patternHandlers, serversOf, type PatternHandler } from './transport-handlers.js';

/** A handler that consumes. */
export type SurveyedConsumer = DiscoveredConsumer & { readonly connection: SurveyedConnection };

/** The handlers of a server of the microservice transport. */
export interface SurveyedTransport {
  readonly connection: SurveyedConnection;
  readonly server: ServerDescription;
  readonly handlers: readonly PatternHandler[];
}

/** A publisher of one exchange. */
export interface SurveyedPublisher {
  readonly connection: SurveyedConnection;
  readonly definition: ExchangePublisher['definition'];
}

/** The operations of the application: it sends some messages and receives others. */
export interface Survey {
  readonly connections: readonly SurveyedConnection[];
  readonly consumers: readonly SurveyedConsumer[];
  readonly transports: readonly SurveyedTransport[];
  readonly publishers: readonly SurveyedPublisher[];
}

/** Looks at an application, which need not be initialised. @throws ConfigurationError, InvalidConsumerError */
export async function survey(app: INestApplicationContext): Promise<Survey> {
  const parts = partsOf(app);
  const servers = serversOf(app).map((server) => server[DESCRIBE]());
  if (!parts && servers.length === 0) throw nothingToDocument();
  const found = await Promise.all(parts?.explorer.consumers().map((one) => parts.settings.resolve(one)) ?? []);
  const working = found
    .filter(({ options }) => options.enabled !== false)
    .map((consumer, _, all) => ({
      ...withShared(consumer, all),
      of: parts!.registry.get(consumer.options.connection, consumer.name),
    }));
  const handlers = patternHandlers(app);
  const places = new Places();
  const transports = servers.map((server) => ({ server, handlers: handlersOf(server, handlers) }));
  for (const named of parts?.registry.all() ?? []) {
    const consumers = working.filter(({ of }) => of === named);
    const shared = transports.filter(({ server }) => server.connection === named).map(topologyOf);
    await places.add(named, {
      name: named.name,
      connectionName: named.options.connectionName,
      urls: named.options.url,
      topologies: [...shared, named.connections.topology.options, { bindings: derived(consumers) }],
    });
  }
  for (const one of transports) {
    const { connection } = one.server;
    if (connection instanceof NamedConnection) continue;
    const name = places.all.length === 0 ? DEFAULT_CONNECTION : connection.connectionName;
    await places.add(connection, { ...connection, name, topologies: [topologyOf(one)] });
  }
  return {
    connections: places.all,
    consumers: working.map(({ of, ...consumer }) => ({ ...consumer, connection: places.get(of) })),
    transports: transports.map((one) => ({ ...one, connection: places.get(one.server.connection) })),
    publishers: publishersOf(app).map(({ definition }) => ({
      definition,
      connection: places.get(parts!.registry.get(definition.connection, 'AmqpAsyncApi')),
    })),
  };
}

/** Returns what a server declares. */
function topologyOf({ server, handlers }: Pick<SurveyedTransport, 'server' | 'handlers'>): TopologyOptions {
  return server.topology(handlers.flatMap(({ patterns }) => patterns.map((pattern) => server.patternOf(pattern))));
}

/** Adds the retries that handlers of one queue share, as the planner of consumers does. */
function withShared(consumer: DiscoveredConsumer, all: readonly DiscoveredConsumer[]): DiscoveredConsumer {
  if (consumer.kind === 'batch') return consumer;
  const sharers = all
    .filter((one) => one.kind !== 'batch')
    .filter(({ queue, options }) => queue === consumer.queue && options.connection === consumer.options.connection);
  if (!sharers.some(({ name, options }) => selectionOf(name, options))) return consumer;
  const { retry } = sharedOptions(consumer.queue, sharers);
  return retry === undefined ? consumer : { ...consumer, options: { ...consumer.options, retry } };
}

/** Undefined without `AmqpModule`. */
function partsOf(app: INestApplicationContext) {
  const find = { strict: false } as const;
  try {
    return {
      registry: app.get(ConnectionRegistry, find),
      explorer: app.get(ConsumerExplorer, find),
      settings: app.get(ConsumerSettings, find),
    };
  } catch {
    return undefined;
  }
}

const nothingToDocument = (): ConfigurationError =>
  new ConfigurationError(
    'AmqpAsyncApi has nothing to document: import AmqpModule.forRoot({ url }) in the root module, or connect an AmqpServer, with ' +
      'AmqpServersModule.register([server]) in the root module if the document is made without main.ts.',
  );

function publishersOf(app: INestApplicationContext): readonly ExchangePublisher[] {
  const all = new Set<ExchangePublisher>();
  for (const { providers } of app.get(ModulesContainer, { strict: false }).values()) {
    for (const { instance } of providers.values()) if (instance instanceof ExchangePublisher) all.add(instance);
  }
  return [...all];
}

/** Returns the bindings by the routing keys of handlers; `bind` of one of them is that of their queue. */
function derived(consumers: readonly DiscoveredConsumer[]): readonly BindingDefinition[] {
  return [...new Set(consumers.map(({ queue }) => queue))].flatMap((queue) => {
    const all = consumers.filter((one) => one.queue === queue).map(({ options }) => options as SelectionOptions);
    const exchanges = new Set(all.flatMap(({ bind }) => (bind === undefined ? [] : listOf(bind))));
    const keys = new Set(all.flatMap(({ routingKey }) => (routingKey === undefined ? [] : listOf(routingKey))));
    return [...exchanges].flatMap((exchange) => [...keys].map((key) => bindQueue(queue, exchange, key)));
  });
}
