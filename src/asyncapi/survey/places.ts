import { parseUri, type Urls } from '../../../lib/client/index.js';
import type { BindingDefinition } from '../../topology/bindings.js';
import { KnownTopology } from '../../topology/known-topology.js';
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
  /** The name that the broker shows, if one is given. */
  readonly connectionName: string | undefined;
  readonly vhost: string;
  readonly servers: readonly SurveyedServer[];
  readonly topology: KnownTopology;
  readonly bindings: readonly BindingDefinition[];
}

/** A connection as its owner describes it. */
export interface Place extends Pick<SurveyedConnection, 'name' | 'connectionName'> {
  readonly urls: Urls;
  /** Later ones replace entities of the same name. */
  readonly topologies: readonly TopologyOptions[];
}

/** The connections of an application, by their owners. */
export class Places {
  private readonly known = new Map<object, SurveyedConnection>();
  private readonly ids = new Ids();

  get all(): readonly SurveyedConnection[] {
    return [...this.known.values()];
  }

  async add(owner: object, { name, connectionName, urls, topologies }: Place): Promise<void> {
    const found = typeof urls === 'function' ? await urls() : urls;
    const nodes = (typeof found === 'string' ? [found] : found).map((one) => parseUri(one));
    const servers = nodes.map(({ tls, host, port }, index): SurveyedServer => {
      const shown = host.includes(':') ? `[${host}]` : host;
      const id = this.ids.of(index === 0 ? name : `${name}-${index + 1}`);
      return { id, protocol: tls ? 'amqps' : 'amqp', host: `${shown}:${port}` };
    });
    const topology = new KnownTopology();
    for (const one of topologies) topology.add(one);
    const { bindings = [] } = topology.options;
    this.known.set(owner, { name, connectionName, vhost: nodes[0]?.vhost ?? '/', servers, topology, bindings });
  }

  /** @param owner one that was added */
  get(owner: object): SurveyedConnection {
    return this.known.get(owner)!;
  }
}
