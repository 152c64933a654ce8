import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { TcpProxy } from './tcp-proxy.js';

/** Reads exactly `size` bytes and leaves the socket paused. */
async function read(socket: Socket, size: number): Promise<string> {
  let text = '';
  while (text.length < size) {
    const part = socket.read() as Buffer | null;
    if (part) text += part.toString('latin1');
    else await once(socket, 'readable');
  }
  return text;
}

describe('TcpProxy', () => {
  let target: Server;
  let proxy: TcpProxy;
  let sockets: Socket[];

  /** Opens a connection through the proxy and returns both of its ends. */
  async function pair(port = proxy.port): Promise<{ client: Socket; server: Socket }> {
    const accepted = once(target, 'connection') as Promise<[Socket]>;
    const client = connect(port, '127.0.0.1');
    sockets.push(client);
    const [server] = await accepted;
    sockets.push(server);
    for (const socket of [client, server]) socket.setNoDelay(true).on('error', () => undefined);
    return { client, server };
  }

  /** Resolves when all bytes that were under way on loopback have arrived: makes round trips on a connection beside the proxy. */
  async function settle(): Promise<void> {
    const { client, server } = await pair((target.address() as AddressInfo).port);
    for (let i = 0; i < 20; i++) {
      client.write('x');
      await read(server, 1);
      server.write('x');
      await read(client, 1);
    }
  }

  beforeEach(async () => {
    sockets = [];
    target = createServer({ allowHalfOpen: true, noDelay: true });
    await once(target.listen(0, '127.0.0.1'), 'listening');
    proxy = await TcpProxy.start((target.address() as AddressInfo).port);
  });

  afterEach(async () => {
    await proxy.close();
    for (const socket of sockets) socket.destroy();
    target.close();
    await once(target, 'close');
  });

  it('forwards bytes in both directions, and ends each direction separately', async () => {
    const { client, server } = await pair();
    client.end('ping');
    expect(await read(server, 4)).toBe('ping');
    server.read();
    await once(server, 'end');
    server.end('pong'); // the other direction has ended, this one has not
    expect(await read(client, 4)).toBe('pong');
    await proxy.waitForConnections(0);
  });

  it('carries large payloads unchanged', async () => {
    const { client, server } = await pair();
    const payload = Buffer.alloc(5_000_000, 'abcdefghijklmnopqrstuvwxyz0123456789');
    client.end(payload);
    const parts: Buffer[] = [];
    for await (const part of server) parts.push(part as Buffer);
    expect(Buffer.concat(parts).equals(payload)).toBe(true);
  });

  it('counts connections and forwards a reset as a reset', async () => {
    const { client, server } = await pair();
    await pair();
    expect([proxy.connections, proxy.accepted]).toEqual([2, 2]);
    const failed = once(server, 'error') as Promise<[NodeJS.ErrnoException]>;
    server.resume();
    client.resetAndDestroy();
    expect((await failed)[0].code).toBe('ECONNRESET');
    await proxy.waitForConnections(1);
  });

  it.each(['both', 'toClient'] as const)('stalls (%s) and resumes without losing anything', async (direction) => {
    const { client, server } = await pair();
    proxy.stall(direction);
    client.write('up');
    server.write('down');
    await settle();
    expect(client.read()).toBeNull();
    const received = (server.read() as Buffer | null)?.toString() ?? null;
    expect(received).toBe(direction === 'both' ? null : 'up');

    proxy.resume();
    expect(await read(client, 4)).toBe('down');
    expect(received ?? (await read(server, 2))).toBe('up');
  });

  it('blocks the sender during a stall, and holds back the end of a connection', async () => {
    const { client, server } = await pair();
    proxy.stall();
    const payload = Buffer.alloc(64 * 1024 * 1024);
    client.end(payload);
    await settle();
    expect(client.writableLength).toBeGreaterThan(0); // the buffers are full
    expect(server.readableEnded).toBe(false);
    proxy.resume();
    let size = 0;
    for await (const part of server) size += (part as Buffer).length;
    expect(size).toBe(payload.length);
  });

  it('delivers byte by byte', async () => {
    const { client, server } = await pair();
    proxy.chunk(1, 'toServer');
    const sizes: number[] = [];
    server.on('data', (part) => sizes.push(part.length));
    client.end('a frame of thirty bytes, or so.');
    await once(server, 'end');
    expect(sizes.reduce((sum, size) => sum + size)).toBe(31);
    expect(sizes.length).toBeGreaterThan(10); // the kernel may join adjacent writes
    expect(() => proxy.chunk(0)).toThrow(RangeError);
  });

  it('cuts with a reset on both sides', async () => {
    const { client, server } = await pair();
    const failed = [client, server].map((socket) => once(socket.resume(), 'error') as Promise<[NodeJS.ErrnoException]>);
    proxy.cut();
    expect((await Promise.all(failed)).map(([{ code }]) => code)).toEqual(['ECONNRESET', 'ECONNRESET']);
    await proxy.waitForConnections(0);
  });

  it.each(['toClient', 'toServer'] as const)('cuts after exactly n bytes %s, once', async (direction) => {
    const { client, server } = await pair();
    const [sender, receiver] = direction === 'toClient' ? [server, client] : [client, server];
    const received: Buffer[] = [];
    receiver.on('data', (part) => received.push(part));
    const failed = once(receiver, 'error') as Promise<[NodeJS.ErrnoException]>;
    const cut = proxy.cutAfterBytes(10, direction);
    sender.write('1234567');
    sender.write('89abcdef');
    await cut;
    expect((await failed)[0].code).toBe('ECONNRESET');
    expect(Buffer.concat(received).toString()).toBe('123456789a');

    const next = await pair();
    next.client.write('a longer text than ten bytes');
    expect(await read(next.server, 28)).toBe('a longer text than ten bytes');
  });

  it.each(['client', 'server'] as const)('keeps the %s side open on a half-open connection', async (remaining) => {
    const { client, server } = await pair();
    const [stays, goes] = remaining === 'client' ? [client, server] : [server, client];
    const events: string[] = [];
    for (const event of ['data', 'end', 'close', 'error']) stays.on(event, () => events.push(event));
    const gone = once(goes.resume(), 'end');
    proxy.halfOpen(remaining);
    await gone;
    await new Promise((resolve) => stays.write('anybody there?', resolve));
    await settle();
    expect(events).toEqual([]);
    expect(proxy.connections).toBe(1);
    stays.destroy();
    await proxy.waitForConnections(0);
  });

  it('refuses new connections, keeps the open ones, and accepts again on the same port', async () => {
    const { client, server } = await pair();
    proxy.refuse();
    const [error] = (await once(connect(proxy.port, '127.0.0.1'), 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
    client.write('still here');
    expect(await read(server, 10)).toBe('still here');
    await proxy.accept();
    await pair();
    expect(proxy.connections).toBe(2);
  });

  it('resets the client when the target is down', async () => {
    target.close();
    const client = connect(proxy.port, '127.0.0.1').resume();
    const [error] = (await once(client, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNRESET');
    await proxy.waitForConnections(0);
    target.listen((proxy as unknown as { targetPort: number }).targetPort, '127.0.0.1');
    await once(target, 'listening');
  });

  it('resets everything and frees the port when it is closed', async () => {
    const { client } = await pair();
    const failed = once(client.resume(), 'error');
    await proxy[Symbol.asyncDispose]();
    await failed;
    expect(proxy.connections).toBe(0);
    const [error] = (await once(connect(proxy.port, '127.0.0.1'), 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
  });
});
