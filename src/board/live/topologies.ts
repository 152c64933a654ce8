import type { ConnectionRegistry } from '../../registry/connection-registry.js';
import type { BindingDefinition } from '../../topology/bindings.js';
import type { KnownTopology } from '../../topology/known-topology.js';

/** Maximum characters of the condition of a link. */
const MAX_KEY = 200;

/** An exchange or a queue on the board's drawing. */
export interface TopologyEnd {
  readonly kind: 'exchange' | 'queue';
  readonly name: string;
}

/** A way of messages. `alternate`: what `from` cannot route. `dead-letter`: what `from` rejects or expires. */
export interface TopologyLink {
  readonly kind: 'binding' | 'alternate' | 'dead-letter';
  readonly from: TopologyEnd;
  readonly to: TopologyEnd;
  /** Routing key, or the arguments of a binding to a headers exchange. */
  readonly key: string;
}

/** The declared entities of one connection. Its queues and handlers are in the snapshot. */
export interface ShownTopology {
  readonly connection: string;
  readonly exchanges: readonly { readonly name: string; readonly type: string }[];
  readonly links: readonly TopologyLink[];
}

/** The topologies of all connections as the application has declared them. It asks no broker. */
export class Topologies {
  private shown: readonly ShownTopology[] = [];
  private versions: string | undefined;

  constructor(private readonly connections: Pick<ConnectionRegistry, 'all'>) {}

  /** The same object until something is declared or deleted. */
  get current(): readonly ShownTopology[] {
    const all = this.connections.all();
    const versions = all.map(({ name, connections }) => `${name}\n${connections.topology.version}`).join('\n');
    if (versions !== this.versions) {
      this.versions = versions;
      this.shown = all.map(({ name, connections }) => shownTopology(name, connections.topology));
    }
    return this.shown;
  }
}

function shownTopology(connection: string, { options }: KnownTopology): ShownTopology {
  const { exchanges = [], queues = [], bindings = [] } = options;
  return {
    connection,
    exchanges: exchanges.map(({ name, type }) => ({ name, type })),
    links: [
      ...bindings.map(linkOf),
      ...exchanges.flatMap(({ name, arguments: { 'alternate-exchange': to } }): TopologyLink[] =>
        typeof to === 'string' ? [{ kind: 'alternate', from: exchangeEnd(name), to: exchangeEnd(to), key: '' }] : [],
      ),
      ...queues.flatMap(({ name, arguments: table }): TopologyLink[] => {
        const { 'x-dead-letter-exchange': exchange, 'x-dead-letter-routing-key': key = '' } = table;
        if (typeof exchange !== 'string' || typeof key !== 'string') return [];
        // The default exchange routes to the queue with the name of the key (section 3.1.3.1).
        const to = exchange === '' ? queueEnd(key === '' ? name : key) : exchangeEnd(exchange);
        return [{ kind: 'dead-letter', from: queueEnd(name), to, key }];
      }),
    ],
  };
}

function linkOf(binding: BindingDefinition): TopologyLink {
  const { source, destination, destinationKind, routingKey, arguments: table } = binding;
  const conditions = Object.entries(table).map(([name, value]) => `${name}=${String(value)}`);
  const key = [...(routingKey === '' ? [] : [routingKey]), ...conditions].join(', ').slice(0, MAX_KEY);
  return { kind: 'binding', from: exchangeEnd(source), to: { kind: destinationKind, name: destination }, key };
}

const exchangeEnd = (name: string): TopologyEnd => ({ kind: 'exchange', name });
const queueEnd = (name: string): TopologyEnd => ({ kind: 'queue', name });
