import { describe, expect, it } from '@jest/globals';
import { TimeoutError, type Channel, type Connection } from '../../lib/client/index.js';
import { Deferred } from '../../lib/client/timing/deferred.js';
import { errorOf, eventually, useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';
import type { Peer } from './support/scripted-server.js';
import { endpointOf } from './support/client-internals.js';

const getOk = { deliveryTag: 1, redelivered: false, exchange: '', routingKey: 'q', messageCount: 0 };

const names = (peer: Peer): string[] =>
  peer.frames.map((frame) => (frame.kind === 'method' ? frame.method.name : frame.kind));

const behindClose = (peer: Peer): string[] => names(peer).slice(names(peer).indexOf('channel.close') + 1);

describe('K2 the end of a channel', () => {
  const harness = useClientHarness();

  async function onPeer(): Promise<{ peer: Peer; connection: Connection; channel: Channel; number: number }> {
    const server = await harness.server(async (peer) => {
      await peer.handshake();
      await peer.acceptChannel();
    });
    const connection = await harness.connect({ urls: server.url });
    const channel = await connection.openChannel();
    return { peer: server.peers[0]!, connection, channel, number: channel.id };
  }

  it.each(['aborted', 'timed out'] as const)('K2.2 basicGet %s, close(), and get-ok behind it', async (how) => {
    const { peer, connection, channel, number } = await onPeer();
    const stop = new AbortController();
    const get = errorOf(channel.basicGet('q', how === 'aborted' ? { signal: stop.signal } : { timeout: 20 }));
    await peer.expect('basic.get');
    stop.abort();
    await get;
    const closed = channel.close();
    await peer.expect('channel.close');
    peer.content(number, 'basic.getOk', getOk, {}, Buffer.from('late'));
    peer.send(number, 'channel.flow', { active: false });
    peer.send(number, 'channel.closeOk', {});
    await closed;
    peer.agreeToClose();
    await connection.close();
    expect(behindClose(peer)).toEqual(['connection.close']);
  });

  it('K2.2 acks and calls after channel.close write nothing', async () => {
    const { peer, connection, channel, number } = await onPeer();
    const get = channel.basicGet('q');
    await peer.expect('basic.get');
    peer.content(number, 'basic.getOk', getOk, {}, Buffer.from('x'));
    const delivery = (await get)!;
    const closed = channel.close();
    await peer.expect('channel.close');
    delivery.ack();
    const refused = await Promise.all([
      errorOf(channel.queuePurge('q')),
      errorOf(channel.basicRecoverAsync()),
      errorOf(channel.basicConsume('q', () => undefined)),
      errorOf(channel.publish('', 'q', 'x')),
    ]);
    expect(refused.map(({ name }) => name)).toEqual(new Array(4).fill('ChannelClosedError'));
    peer.send(number, 'channel.closeOk', {});
    await closed;
    peer.agreeToClose();
    await connection.close();
    expect(behindClose(peer)).toEqual(['connection.close']);
  });

  it('K2.2 acks that wait for a full socket are written before an end at once', async () => {
    const { peer, connection, channel, number } = await onPeer();
    const confirms = channel.confirmSelect();
    await peer.expect('confirm.select');
    peer.send(number, 'confirm.selectOk', {});
    await confirms;
    const get = channel.basicGet('q');
    await peer.expect('basic.get');
    peer.content(number, 'basic.getOk', getOk, {}, Buffer.from('x'));
    const delivery = (await get)!;
    peer.socket.pause();
    const published = errorOf(channel.publish('', 'q', Buffer.alloc(8_000_000)));
    // The kernel takes a part of it, and the rest waits.
    await eventually(async () => connection.socket!.writableLength > 0);
    delivery.ack();
    await channel.close({ timeout: 0 });
    peer.socket.resume();
    await peer.expect('channel.close');
    expect(names(peer).slice(-2)).toEqual(['basic.ack', 'channel.close']);
    peer.send(number, 'channel.closeOk', {});
    await published;
  });

  it('K2.3 openChannel() with an aborted signal writes nothing', async () => {
    const server = await harness.server(async (peer) => {
      await peer.handshake();
      peer.agreeToClose();
    });
    const connection = await harness.connect({ urls: server.url });
    expect((await errorOf(connection.openChannel({ signal: AbortSignal.abort(new Error('no')) }))).message).toBe('no');
    await connection.close();
    expect(names(server.peers[0]!).filter((name) => name.startsWith('channel.'))).toEqual([]);
  });

  it.each(['channel', 'connection'] as const)(
    'K2.6 %s.close({ timeout }) applies although the channel already closes with a longer deadline',
    async (what) => {
      const { peer, channel, connection } = await onPeer();
      const long = channel.close({ timeout: 600_000 });
      await peer.expect('channel.close');
      await (what === 'channel' ? channel : connection).close({ timeout: 50 });
      await long;
      expect(await channel.closed).toBeUndefined();
    },
  );

  it('K2.6 the earlier deadline of a second connection.close() applies', async () => {
    const server = await harness.server((peer) => peer.handshake());
    const connection = await harness.connect({ urls: server.url });
    const long = connection.close({ timeout: 600_000 });
    await server.peers[0]!.expect('connection.close');
    await connection.close({ timeout: 50 });
    await long;
    expect(connection.state).toBe('closed');
  });

  it.each(['channel', 'connection'] as const)(
    'K2.9 %s.close() in a handler of the channel waits only for the other handlers',
    async (what) => {
      const connection = await harness.connect();
      const channel = await connection.openChannel({ confirm: true });
      const queue = harness.name();
      await channel.queueDeclare(queue);
      for (const text of ['other', 'asks']) await channel.publish('', queue, text);
      const release = new Deferred<void>();
      const steps = new Inbox<string>();
      await channel.basicConsume(queue, async (delivery) => {
        if (delivery.text() === 'other') {
          steps.add('other begins');
          await release.promise;
          steps.add('other ends');
          return delivery.ack();
        }
        delivery.ack();
        await (what === 'channel' ? channel : connection).close({ timeout: Infinity });
        steps.add('closed');
      });
      await steps.next();
      // The consumer is cancelled: the close now waits only for the handlers.
      await eventually(() => endpointOf(channel).consumers.list().length === 0);
      expect(steps.all).toEqual(['other begins']);
      release.resolve();
      await steps.take(2);
      expect(steps.all).toEqual(['other begins', 'other ends', 'closed']);
      const left = await (await harness.connect()).openChannel();
      expect((await left.queueDeclare(queue, { passive: true })).messageCount).toBe(0);
    },
  );

  it('K2.9 a handler that calls close() while the channel is being closed', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const queue = harness.name();
    await channel.queueDeclare(queue);
    let closing: Promise<void> | undefined;
    const done = new Deferred<void>();
    await channel.basicConsume(queue, async () => {
      closing = Promise.resolve().then(() => channel.close({ timeout: Infinity }));
      await channel.close({ timeout: Infinity });
      done.resolve();
    });
    await channel.publish('', queue, 'x');
    await done.promise;
    await closing;
    expect(await channel.closed).toBeUndefined();
  });

  it('K2.3 a lost channel that a listener closes is not opened again', async () => {
    const { peer, channel, number } = await onPeer();
    channel.once('lost', () => void channel.close());
    peer.send(number, 'channel.close', { replyCode: 404, replyText: 'NOT_FOUND', classId: 0, methodId: 0 });
    await channel.closed;
    peer.agreeToClose();
    expect(names(peer).filter((name) => name === 'channel.open')).toHaveLength(1);
  });

  it('K2 close from both sides: each is answered', async () => {
    const { peer, channel, number } = await onPeer();
    const closed = channel.close({ timeout: 20 });
    await peer.expect('channel.close');
    await closed;
    peer.send(number, 'channel.close', { replyCode: 404, replyText: 'NOT_FOUND', classId: 0, methodId: 0 });
    await peer.expect('channel.closeOk');
    peer.send(number, 'channel.closeOk', {});
    peer.agreeToClose();
  });

  it('K2 close from both sides, with the broker’s close before its close-ok', async () => {
    const { connection, peer, channel, number } = await onPeer();
    const closed = channel.close();
    await peer.expect('channel.close');
    peer.send(number, 'channel.close', { replyCode: 404, replyText: 'NOT_FOUND', classId: 0, methodId: 0 });
    await peer.expect('channel.closeOk');
    peer.send(number, 'channel.closeOk', {});
    await closed;
    const opening = connection.openChannel();
    await peer.acceptChannel();
    await opening;
    expect(connection.state).toBe('open');
    peer.agreeToClose();
  });

  it('K2 a call that times out does not affect its open channel', async () => {
    const { peer, channel, number } = await onPeer();
    expect(await errorOf(channel.queuePurge('q', { timeout: 20 }))).toBeInstanceOf(TimeoutError);
    await peer.expect('queue.purge');
    peer.send(number, 'queue.purgeOk', { messageCount: 1 });
    const purge = channel.queuePurge('q');
    await peer.expect('queue.purge');
    peer.send(number, 'queue.purgeOk', { messageCount: 2 });
    expect(await purge).toBe(2);
    peer.agreeToClose();
  });
});
