import { describe, expect, it } from '@jest/globals';
import { Duplex } from 'node:stream';
import { ConnectionLostError, TimeoutError } from '../../lib/client/index.js';
import { errorOf, eventOf, useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';
import { encodeMethod, type Peer } from './support/scripted-server.js';

const shutdown = encodeMethod(0, 'connection.close', {
  replyCode: 320,
  replyText: 'CONNECTION_FORCED - broker forced connection closure',
  classId: 0,
  methodId: 0,
});

describe('K2 the end of a connection', () => {
  const harness = useClientHarness();

  async function openAndClose(peer: Peer, fin: boolean): Promise<void> {
    await peer.greet();
    peer.tune();
    await peer.expect('connection.open');
    peer.raw(Buffer.concat([encodeMethod(0, 'connection.openOk', {}), shutdown]));
    if (fin) peer.socket.end();
  }

  it.each([false, true])(
    'K2.5 open-ok and connection.close in one chunk, FIN behind: %s: one reconnect',
    async (fin) => {
      const server = await harness.server(async (peer, index) => {
        if (index === 0) return openAndClose(peer, fin);
        await peer.handshake();
        peer.agreeToClose();
      });
      const connection = await harness.connect({ urls: server.url });
      expect(connection.state).toBe('reconnecting');
      await eventOf(connection, 'reconnected');
      expect(connection.state).toBe('open');
      await connection.close();
      expect(connection.state).toBe('closed');
      expect(server.peers).toHaveLength(2);
      await Promise.all(server.peers.map(({ closed }) => closed));
    },
  );

  it.each([false, true])('K2.5 the same without reconnect, FIN behind: %s: it is closed', async (fin) => {
    const server = await harness.server((peer) => openAndClose(peer, fin));
    const connection = await harness.connect({ urls: server.url, reconnect: false });
    expect(connection.state).toBe('closed');
    expect(await connection.closed).toBeInstanceOf(ConnectionLostError);
    expect((await connection.closed)!.message).toContain('CONNECTION_FORCED');
    expect(server.peers).toHaveLength(1);
  });

  it('K2.5 close() in the listener of a loss: no reconnect', async () => {
    const server = await harness.server((peer) => peer.handshake());
    const connection = await harness.connect({ urls: server.url });
    connection.once('disconnected', () => void connection.close());
    server.peers[0]!.socket.destroy();
    expect(await connection.closed).toBeUndefined();
    expect(harness.clock.running.size).toBe(0);
    expect(server.peers).toHaveLength(1);
  });

  it('K2.7 the deadline covers urls that never resolve', async () => {
    const error = await errorOf(harness.connect({ urls: () => new Promise(() => {}), connectTimeout: 50 }));
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error.message).toContain('urls');
  });

  it('K2.7 the signal covers urls that never resolve', async () => {
    const stop = new AbortController();
    const connecting = errorOf(harness.connect({ urls: () => new Promise(() => {}), signal: stop.signal }));
    stop.abort(new Error('enough'));
    expect((await connecting).message).toBe('enough');
  });

  it('K2.7 the deadline covers a login that never answers its challenge', async () => {
    const server = await harness.server(async (peer) => {
      await peer.greet({ mechanisms: 'SLOW' });
      peer.send(0, 'connection.secure', { challenge: Buffer.from('?') });
    });
    const slow = { name: 'SLOW', initialResponse: () => Buffer.alloc(0), respond: () => new Promise<never>(() => {}) };
    const error = await errorOf(harness.connect({ urls: server.url, mechanisms: [slow], connectTimeout: 100 }));
    expect(error).toBeInstanceOf(TimeoutError);
  });

  it('K2.7 the signal covers a createSocket that never resolves', async () => {
    const stop = new AbortController();
    const connecting = errorOf(
      harness.connect({ createSocket: () => new Promise(() => {}), signal: stop.signal, connectTimeout: Infinity }),
    );
    setImmediate(() => stop.abort(new Error('enough')));
    expect((await connecting).message).toBe('enough');
  });

  it('K2 publishes continue after a block, a loss and a reconnect', async () => {
    const server = await harness.server(async (peer, index) => {
      await peer.handshake();
      await peer.acceptChannel();
      if (index === 0) return peer.send(0, 'connection.blocked', { reason: 'low on memory' });
      await peer.expect('basic.publish');
      return peer.agreeToClose();
    });
    const connection = await harness.connect({ urls: server.url });
    const blocked = eventOf(connection, 'blocked');
    const channel = await connection.openChannel();
    await blocked;
    const publish = channel.publish('', 'q', 'x');
    server.peers[0]!.socket.destroy();
    await eventOf(connection, 'reconnected');
    expect(connection.blocked).toBeUndefined();
    expect(await publish).toBe(0);
  });

  it('K2 publishes continue after a pause by channel.flow, a loss and a reconnect', async () => {
    const server = await harness.server(async (peer, index) => {
      await peer.handshake();
      const number = await peer.acceptChannel();
      if (index === 0) return peer.send(number, 'channel.flow', { active: false });
      await peer.expect('basic.publish');
      return peer.agreeToClose();
    });
    const connection = await harness.connect({ urls: server.url });
    const channel = await connection.openChannel();
    await server.peers[0]!.expect('channel.flowOk');
    const publish = channel.publish('', 'q', 'x');
    server.peers[0]!.socket.destroy();
    await eventOf(connection, 'reconnected');
    expect(await publish).toBe(0);
  });

  it('K4.2 a logger that throws or rejects has no effect', async () => {
    const lines = new Inbox<string>();
    const warn = (message: string): never | Promise<never> => {
      lines.add(message);
      if (lines.all.length % 2 === 0) return Promise.reject(new Error('no disk'));
      throw new Error('no disk');
    };
    const server = await harness.server(async (peer, index) => {
      await peer.handshake();
      await peer.acceptChannel();
      if (index === 0) return;
      await peer.acceptConsumer();
      peer.agreeToClose();
    });
    const connection = await harness.connect({ urls: server.url, logger: { warn, debug: warn } });
    const channel = await connection.openChannel();
    const consume = channel.basicConsume('q', () => undefined);
    const [peer] = server.peers;
    await peer!.acceptConsumer();
    await consume;
    peer!.send(0, 'connection.blocked', { reason: 'low on memory' });
    await eventOf(connection, 'blocked');
    const back = eventOf(connection, 'reconnected');
    peer!.socket.destroy();
    await back;
    expect(connection.state).toBe('open');
    expect(lines.all.length).toBeGreaterThan(1);
  });

  it('K4.2 a user’s socket that throws is a lost connection', async () => {
    const broken = new Duplex({ read() {} });
    broken.write = () => {
      throw new Error('no socket');
    };
    const error = await errorOf(harness.connect({ createSocket: () => Promise.resolve(broken) }));
    expect(error).toBeInstanceOf(ConnectionLostError);
    expect(error.message).toContain('no socket');
  });
});
