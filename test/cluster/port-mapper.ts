import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** The version of the distribution protocol that OTP 25 and 27 speak. */
const PROTOCOL_VERSION = 6;

const REGISTER = 120;
const REGISTERED = 118;
const PORT_PLEASE = 122;
const PORT = 119;
const NAMES = 110;

/** Returns the port at which a node finds the node of this name; undefined if there is none. */
export type Route = (name: string) => number | undefined;

/**
 * Erlang's port mapper (epmd, https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html) for one node of a cluster. The
 * node and its rabbitmqctl register here and look the other nodes up here, so each can be routed to them differently.
 */
export class PortMapper implements AsyncDisposable {
  /** The registered nodes, by their name without host. A registration lasts as long as its connection. */
  private readonly registered = new Map<string, { readonly port: number; readonly by: Socket }>();
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    readonly port: number,
    private readonly route: Route,
  ) {
    server.on('connection', (socket) => this.serve(socket));
  }

  /** @param route finds names that are not registered here */
  static async start(route: Route): Promise<PortMapper> {
    const server = createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return new PortMapper(server, (server.address() as AddressInfo).port, route);
  }

  /** Returns the port under which a node is registered; undefined when its connection has ended. */
  portOf(name: string): number | undefined {
    return this.registered.get(name)?.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  private serve(socket: Socket): void {
    let gathered: Buffer = Buffer.alloc(0);
    this.sockets.add(socket);
    socket.on('error', () => undefined); // 'close' follows
    socket.once('close', () => {
      this.sockets.delete(socket);
      for (const [name, { by }] of this.registered) if (by === socket) this.registered.delete(name);
    });
    socket.on('data', (chunk) => {
      gathered = Buffer.concat([gathered, chunk]);
      if (gathered.length < 2 || gathered.length < 2 + gathered.readUInt16BE(0)) return;
      this.answer(socket, gathered.subarray(2));
      gathered = Buffer.alloc(0);
    });
  }

  private answer(socket: Socket, request: Buffer): void {
    switch (request[0]) {
      case REGISTER: {
        const port = request.readUInt16BE(1);
        const name = request.toString('latin1', 11, 11 + request.readUInt16BE(9));
        const taken = this.registered.has(name);
        if (!taken) this.registered.set(name, { port, by: socket });
        const creation = Buffer.alloc(4);
        creation.writeUInt32BE((Date.now() % 0x7fff_ffff) + 4);
        return void socket.write(Buffer.concat([Buffer.of(REGISTERED, taken ? 1 : 0), creation]));
      }
      case PORT_PLEASE: {
        const name = request.toString('latin1', 1);
        const port = this.portOf(name) ?? this.route(name);
        return void socket.end(port === undefined ? Buffer.of(PORT, 1) : describe(name, port));
      }
      case NAMES: {
        const lines = [...this.registered].map(([name, { port }]) => `name ${name} at port ${port}\n`);
        const own = Buffer.alloc(4);
        own.writeUInt32BE(this.port);
        return void socket.end(Buffer.concat([own, Buffer.from(lines.join(''))]));
      }
      default:
        socket.destroy();
    }
  }
}

/** Encodes a normal node on IPv4, without extras. */
function describe(name: string, port: number): Buffer {
  const head = Buffer.alloc(12);
  head[0] = PORT;
  head.writeUInt16BE(port, 2);
  head[4] = 77; // 'M', a normal node
  head.writeUInt16BE(PROTOCOL_VERSION, 6);
  head.writeUInt16BE(PROTOCOL_VERSION - 1, 8);
  head.writeUInt16BE(Buffer.byteLength(name), 10);
  return Buffer.concat([head, Buffer.from(name), Buffer.of(0, 0)]);
}
