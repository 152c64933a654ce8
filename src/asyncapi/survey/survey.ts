import { isDeepStrictEqual } from 'node:util';
import type { INestApplicationContext } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { ConfigurationError, parseUri } from '../../../lib/client/index.js';
import { ConsumerExplorer, type DiscoveredConsumer } from '../../consumers/discovery/consumer.explorer.js';
import { ConsumerSettings } from '../../consumers/discovery/consumer-settings.js';
import { listOf, selectionOf } from '../../consumers/dispatch/selection.js';
import { sharedOptions } from '../../consumers/dispatch/shared-options.js';
import type { SelectionOptions } from '../../consumers/options/selection-options.js';
import { ExchangePublisher } from '../../publishers/exchange.publisher.js';
import { ConnectionRegistry } from '../../registry/connection-registry.js';
import type { NamedConnection } from '../../registry/named-connection.js';
import { bindQueue, type BindingDefinition } from '../../topology/bindings.js';
import type { TopologyOptions } from '../../topology/topology.js';
import { Ids } from '../document/ids.js';

/** A node of a broker, without user and password. */
interface SurveyedServer {
  readonly id: string;
  readonly protocol: 'amqp' | 'amqps';
  readonly host: string;
}

/** A connection of the application. */
export interface SurveyedConnection {
  readonly name: string;
  readonly named: NamedConnection;
  readonly vhost: string;
  readonly servers: readonly SurveyedServer[];
  readonly topology: TopologyOptions;
  /** Those of the topology, and those that follow from handlers. */
  readonly bindings: readonly BindingDefinition[];
}

/** A handler that consumes. */
export type SurveyedConsumer = DiscoveredConsumer & { readonly connection: SurveyedConnection };

/** A publisher of one exchange. */
export interface SurveyedPublisher {
  readonly connection: SurveyedConnection;
  readonly definition: ExchangePublisher['definition'];
}

/** The operations of the application: it sends some messages and receives others. */
export interface Survey {
  readonly connections: readonly SurveyedConnection[];
  readonly consumers: readonly SurveyedConsumer[];
  readonly publishers: readonly SurveyedPublisher[];
}

/** Looks at an application, which need not be initialised. @throws ConfigurationError, InvalidConsumerError */
export async function survey(app: INestApplicationContext): Promise<Survey> {
  const { registry, explorer, settings } = partsOf(app);
  const found = await Promise.all(explorer.consumers().map((consumer) => settings.resolve(consumer)));
  const working = found
    .filter(({ options }) => options.enabled !== false)
    .map((consumer, _, all) => ({
      ...withShared(consumer, all),
      of: registry.get(consumer.options.connection, consumer.name),
    }));
  const ids = new Ids();
  const connections = new Map<NamedConnection, SurveyedConnection>();
  for (const named of registry.all()) {
    const handlers = working.filter(({ of }) => of === named);
    connections.set(named, await surveyed(named, handlers, ids));
  }
  const known = (named: NamedConnection): SurveyedConnection => connections.get(named)!;
  return {
    connections: [...connections.values()],
    consumers: working.map(({ of, ...consumer }) => ({ ...consumer, connection: known(of) })),
    publishers: publishersOf(app).map(({ definition }) => ({
      definition,
      connection: known(registry.get(definition.connection, 'AmqpAsyncApi')),
    })),
  };
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

function partsOf(app: INestApplicationContext) {
  const find = { strict: false } as const;
  try {
    return {
      registry: app.get(ConnectionRegistry, find),
      explorer: app.get(ConsumerExplorer, find),
      settings: app.get(ConsumerSettings, find),
    };
  } catch (cause) {
    throw new ConfigurationError(
      'AmqpAsyncApi has nothing to document: import AmqpModule.forRoot({ url }) in the root module.',
      { cause },
    );
  }
}

function publishersOf(app: INestApplicationContext): readonly ExchangePublisher[] {
  const all = new Set<ExchangePublisher>();
  for (const { providers } of app.get(ModulesContainer, { strict: false }).values()) {
    for (const { instance } of providers.values()) if (instance instanceof ExchangePublisher) all.add(instance);
  }
  return [...all];
}

async function surveyed(
  named: NamedConnection,
  consumers: readonly DiscoveredConsumer[],
  ids: Ids,
): Promise<SurveyedConnection> {
  const { url } = named.options;
  const urls = typeof url === 'function' ? await url() : url;
  const nodes = (typeof urls === 'string' ? [urls] : urls).map((one) => parseUri(one));
  const servers = nodes.map(({ tls, host, port }, index): SurveyedServer => {
    const shown = host.includes(':') ? `[${host}]` : host;
    const id = ids.of(index === 0 ? named.name : `${named.name}-${index + 1}`);
    return { id, protocol: tls ? 'amqps' : 'amqp', host: `${shown}:${port}` };
  });
  const topology = named.connections.topology.options;
  return {
    name: named.name,
    named,
    vhost: nodes[0]?.vhost ?? '/',
    servers,
    topology,
    bindings: unique([...(topology.bindings ?? []), ...derived(consumers)]),
  };
}

/** A running application has derived bindings in its topology as well. */
function unique(bindings: readonly BindingDefinition[]): readonly BindingDefinition[] {
  return bindings.filter((one, index) => bindings.findIndex((other) => isDeepStrictEqual(one, other)) === index);
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
