import { TcpProxy } from '../support/tcp-proxy.js';
import { PortMapper } from './port-mapper.js';

/**
 * The network between the nodes of a cluster. Each node has its own port mapper, which routes it to every other node through a
 * proxy, so both directions between two nodes can be cut, whichever node connects first.
 */
export class ClusterNetwork implements AsyncDisposable {
  private readonly mappers = new Map<string, PortMapper>();
  private readonly proxies: { readonly from: string; readonly to: string; readonly proxy: TcpProxy }[] = [];

  /** @param ports the nodes' distribution ports, by name without host */
  static async start(ports: ReadonlyMap<string, number>): Promise<ClusterNetwork> {
    const network = new ClusterNetwork();
    for (const from of ports.keys()) {
      for (const [to, port] of ports) {
        if (to !== from) network.proxies.push({ from, to, proxy: await TcpProxy.start(port) });
      }
      network.mappers.set(from, await PortMapper.start((to) => network.route(from, to)));
    }
    return network;
  }

  /** Returns ERL_EPMD_PORT of a node. */
  mapperPort(node: string): number {
    return this.mappers.get(node)!.port;
  }

  /** Stops all traffic between this node and the others, without a reset or an end: a network partition. */
  isolate(node: string): void {
    for (const proxy of this.around(node)) proxy.stall();
  }

  /** Ends the partition. Traffic that was under way arrives now, as TCP would retransmit it. */
  heal(node: string): void {
    for (const proxy of this.around(node)) proxy.resume();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { proxy } of this.proxies) {
      proxy.resume();
      await proxy.close();
    }
    for (const mapper of this.mappers.values()) await mapper[Symbol.asyncDispose]();
  }

  private route(from: string, to: string): number | undefined {
    // A node that is not registered at its own mapper is down.
    if (this.mappers.get(to)?.portOf(to) === undefined) return undefined;
    return this.proxies.find((one) => one.from === from && one.to === to)?.proxy.port;
  }

  private around(node: string): TcpProxy[] {
    return this.proxies.filter(({ from, to }) => from === node || to === node).map(({ proxy }) => proxy);
  }
}
