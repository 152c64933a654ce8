import { describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import net from 'node:net';
import { Duplex, PassThrough, pipeline } from 'node:stream';
import type { Endpoint } from '../../lib/client/index.js';
import { Deferred } from '../../lib/client/timing/deferred.js';
import { sharedRabbit } from '../support/shared-broker.js';
import { errorOf, eventOf, useClientHarness } from './support/client-harness.js';

describe('A17 the socket', () => {
  const harness = useClientHarness();

  it('A17 can be inspected, and is read-only', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const socket = connection.socket as net.Socket;
    expect(socket.remotePort).toBe(proxy.port);
    expect(() => Object.assign(connection, { socket: undefined })).toThrow(TypeError);

    proxy.refuse();
    proxy.cut();
    await eventOf(connection, 'disconnected');
    expect(connection.socket).toBeUndefined();
    await proxy.accept();
    await eventOf(connection, 'reconnected');
    expect(connection.socket).toBeInstanceOf(net.Socket);
    expect(connection.socket).not.toBe(socket);
  });

  it('A17 createSocket makes the socket from the endpoint, on every connect', async () => {
    const { port } = sharedRabbit();
    const made: { endpoint: Endpoint; socket: net.Socket }[] = [];
    const connection = await harness.connect({
      urls: 'amqp://guest:guest@there.invalid:1234/%2F',
      createSocket: async (endpoint) => {
        const socket = net.connect(port, '127.0.0.1');
        made.push({ endpoint, socket });
        await once(socket, 'connect');
        return socket;
      },
    });
    expect(made[0]!.endpoint).toMatchObject({ host: 'there.invalid', port: 1234, tls: false, vhost: '/' });
    expect(connection.socket).toBe(made[0]!.socket);
    const channel = await connection.openChannel({ confirm: true });
    await channel.publish('', harness.name(), 'x');

    made[0]!.socket.destroy();
    await eventOf(connection, 'reconnected');
    expect(made).toHaveLength(2);
    expect(connection.socket).toBe(made[1]!.socket);
  });

  it('A17 any duplex stream may be the socket', async () => {
    const { port } = sharedRabbit();
    const connection = await harness.connect({
      createSocket: async () => {
        const socket = net.connect(port, '127.0.0.1');
        await once(socket, 'connect');
        const [readable, writable] = [new PassThrough(), new PassThrough()];
        pipeline(socket, readable, () => undefined);
        pipeline(writable, socket, () => undefined);
        return Duplex.from({ readable, writable });
      },
    });
    const channel = await connection.openChannel();
    expect((await channel.queueDeclare('', { exclusive: true })).queue).toMatch(/^amq\.gen/);
  });

  it('A17 connect() reports the error that createSocket throws', async () => {
    const cause = new Error('no tunnel');
    const error = await errorOf(harness.connect({ createSocket: () => Promise.reject(cause) }));
    expect(error === cause || error.cause === cause).toBe(true);
    expect(error.message).toContain('no tunnel');
  });

  it('A17 the deadline covers a createSocket that never resolves', async () => {
    const late = new Deferred<net.Socket>();
    const error = await errorOf(harness.connect({ createSocket: () => late.promise, connectTimeout: 50 }), 2_000);
    expect(error.name).toMatch(/TimeoutError|ConnectionLostError/);
    // A socket that is made too late is closed.
    const socket = net.connect(sharedRabbit().port, '127.0.0.1');
    await once(socket, 'connect');
    const closed = once(socket, 'close');
    late.resolve(socket);
    await closed;
  });
});
