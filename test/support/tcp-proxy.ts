import { EventEmitter, once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { resetSocket } from './reset-socket.js';
import { type Direction, Lane } from './tcp-proxy-lane.js';

export type { Direction } from './tcp-proxy-lane.js';

interface Connection {
  client: Socket;
  server: Socket;
  lanes: Record<Direction, Lane>;
}

// Without allowHalfOpen Node would answer the end of one side by itself, and the proxy could not pass it on.
const SOCKET_OPTIONS = { allowHalfOpen: true, noDelay: true };

const DIRECTIONS: readonly Direction[] = ['toServer', 'toClient'];
const both = (direction: Direction | 'both'): readonly Direction[] => (direction === 'both' ? DIRECTIONS : [direction]);

/**
 * A TCP proxy on 127.0.0.1 in front of a broker that simulates network faults. `stall` and `chunk` hold for present and
 * future connections; `cut` and `halfOpen` act on the connections that are open now.
 */
export class TcpProxy implements AsyncDisposable {
  readonly #events = new EventEmitter().setMaxListeners(0);
  readonly #connections = new Set<Connection>();
  readonly #stalled = { toServer: false, toClient: false };
  readonly #chunk: Record<Direction, number> = { toServer: Infinity, toClient: Infinity };
  readonly #fuse: Record<Direction, number> = { toServer: Infinity, toClient: Infinity };
  #server: Server | undefined;
  #accepted = 0;

  private constructor(
    private readonly targetPort: number,
    /** The port for clients. It stays the same over `refuse()` and `accept()`. */
    readonly port: number,
  ) {}

  static async start(targetPort: number): Promise<TcpProxy> {
    const server = createServer(SOCKET_OPTIONS);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const proxy = new TcpProxy(targetPort, port);
    proxy.#serve(server);
    return proxy;
  }

  /** The number of connections that are open now, half-open ones included. */
  get connections(): number {
    return this.#connections.size;
  }

  /** The number of connections that were ever accepted. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Resolves once at least `count` connections have been accepted in all. */
  async waitForAccepted(count: number): Promise<void> {
    while (this.#accepted < count) await once(this.#events, 'change');
  }

  /** Resolves once exactly `count` connections are open. */
  async waitForConnections(count: number): Promise<void> {
    while (this.#connections.size !== count) await once(this.#events, 'change');
  }

  /** Stops all forwarding, including the end of a connection, and all reading: the sender's buffers fill up. */
  stall(direction: Direction | 'both' = 'both'): void {
    for (const way of both(direction)) this.#stalled[way] = true;
  }

  resume(direction: Direction | 'both' = 'both'): void {
    for (const way of both(direction)) this.#stalled[way] = false;
    for (const { lanes } of this.#connections) for (const way of DIRECTIONS) lanes[way].wake();
  }

  /** Limits each write to `bytes`, each in a turn of its own; `Infinity` removes the limit. */
  chunk(bytes: number, direction: Direction | 'both' = 'both'): void {
    if (!(bytes >= 1)) throw new RangeError('a chunk must have at least one byte');
    for (const way of both(direction)) this.#chunk[way] = bytes;
  }

  /** Resets every connection (RST) on both sides. */
  cut(): void {
    for (const connection of this.#connections) this.#reset(connection);
  }

  /**
   * Forwards exactly `bytes` more in this direction, counted over all connections, then resets the connection that
   * carried the last byte (with 0: the connection that sends next). Works once; resolves after the reset.
   */
  async cutAfterBytes(bytes: number, direction: Direction): Promise<void> {
    this.#fuse[direction] = bytes;
    await once(this.#events, `cut ${direction}`);
  }

  /**
   * Ends one side of each connection without telling the other, as a peer that dies behind a firewall does. The side that
   * stays gets no answer and no end.
   */
  halfOpen(remaining: 'client' | 'server' = 'client'): void {
    for (const { client, server, lanes } of this.#connections) {
      for (const way of DIRECTIONS) lanes[way].discard();
      (remaining === 'client' ? server : client).destroy();
    }
  }

  /** Makes the operating system refuse new connections; open connections stay. */
  refuse(): void {
    this.#server?.close(); // close() frees the port at once; its callback would wait for the open connections
    this.#server = undefined;
  }

  /** Listens again after `refuse()`. */
  async accept(): Promise<void> {
    if (this.#server) return;
    const server = createServer(SOCKET_OPTIONS);
    await once(server.listen(this.port, '127.0.0.1'), 'listening');
    this.#serve(server);
  }

  /** Refuses new connections and cuts the open ones; resolves when no connection is left. */
  async close(): Promise<void> {
    this.refuse();
    this.cut();
    await this.waitForConnections(0);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #serve(server: Server): void {
    this.#server = server;
    server.on('connection', (client) => this.#connect(client));
  }

  #connect(client: Socket): void {
    const server = connect({ port: this.targetPort, host: '127.0.0.1', ...SOCKET_OPTIONS });
    const connection: Connection = {
      client,
      server,
      lanes: {
        toServer: new Lane(
          client,
          server,
          this.#policy('toServer', () => connection),
        ),
        toClient: new Lane(
          server,
          client,
          this.#policy('toClient', () => connection),
        ),
      },
    };
    this.#connections.add(connection);
    this.#accepted++;
    for (const socket of [client, server]) {
      socket.once('close', () => {
        if (!client.destroyed || !server.destroyed) return;
        this.#connections.delete(connection);
        this.#events.emit('change');
      });
    }
    this.#events.emit('change');
  }

  #policy(way: Direction, connection: () => Connection): ConstructorParameters<typeof Lane>[2] {
    return {
      isStalled: () => this.#stalled[way],
      chunk: () => this.#chunk[way],
      takeFuse: (wanted) => {
        const taken = Math.min(wanted, this.#fuse[way]);
        this.#fuse[way] -= taken;
        return taken;
      },
      isBurnt: () => this.#fuse[way] === 0,
      onBurnt: () => {
        this.#fuse[way] = Infinity;
        this.#reset(connection());
        this.#events.emit(`cut ${way}`);
      },
    };
  }

  #reset({ client, server, lanes }: Connection): void {
    for (const socket of [client, server]) resetSocket(socket);
    for (const way of DIRECTIONS) lanes[way].wake();
  }
}
