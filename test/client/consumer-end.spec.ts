import { describe, expect, it } from '@jest/globals';
import { setImmediate as turn } from 'node:timers/promises';
import {
  TimeoutError,
  type Channel,
  type Connection,
  type ConsumeOptions,
  type Delivery,
} from '../../lib/client/index.js';
import { Deferred } from '../../lib/client/timing/deferred.js';
import { errorOf, eventOf, eventually, useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';
import type { Peer } from './support/scripted-server.js';
import { endpointOf } from './support/client-internals.js';

const deliver = (peer: Peer, channel: number, deliveryTag: number, body = `${deliveryTag}`): void =>
  peer.content(
    channel,
    'basic.deliver',
    { consumerTag: 'tag', deliveryTag, redelivered: false, exchange: '', routingKey: 'q' },
    {},
    Buffer.from(body),
  );

const sent = (peer: Peer, name: string): number =>
  peer.frames.filter((frame) => frame.kind === 'method' && frame.method.name === name).length;

/** Returns a handler that records each message, and returns once it is released. */
function heldHandler() {
  const release = new Deferred<void>();
  const inbox = new Inbox<string>();
  const handler = (delivery: Delivery): Promise<void> => {
    inbox.add(delivery.text());
    return release.promise;
  };
  return { release, inbox, handler };
}

/** Blocks the connection; resolves once the client knows. */
async function block(peer: Peer, connection: Connection): Promise<void> {
  peer.send(0, 'connection.blocked', { reason: 'low on memory' });
  await eventOf(connection, 'blocked');
}

describe('K2 the end of a consumer', () => {
  const harness = useClientHarness();

  /** Opens a channel on a peer that has accepted one consumer; the test continues the script. */
  async function consuming(
    handler: (delivery: Delivery) => unknown,
    options: ConsumeOptions = {},
  ): Promise<{ peer: Peer; connection: Connection; channel: Channel; number: number }> {
    const server = await harness.server(async (peer) => {
      await peer.handshake();
      await peer.acceptChannel();
    });
    const connection = await harness.connect({ urls: server.url });
    const channel = await connection.openChannel();
    const consumer = channel.basicConsume('q', handler, options);
    const peer = server.peers[0]!;
    const number = await peer.acceptConsumer();
    await consumer;
    return { peer, connection, channel, number };
  }

  it('K2.1 cancel() resolves when the link is lost before the answer, and nothing is restored', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel({ confirm: true });
    const queue = harness.name();
    await channel.queueDeclare(queue);
    const inbox = new Inbox<Delivery>();
    const consumer = await channel.basicConsume(queue, inbox.add);
    proxy.stall('toServer');
    const cancelled = consumer.cancel();
    const back = eventOf(connection, 'reconnected');
    proxy.cut();
    await cancelled;
    expect(await consumer.closed).toBeUndefined();
    proxy.resume();
    await back;
    await channel.publish('', queue, 'later');
    expect((await channel.queueDeclare(queue, { passive: true })).consumerCount).toBe(0);
    expect(inbox.all).toEqual([]);
  });

  it('K2.1 cancel() resolves when the channel is lost before the answer, and nothing is restored', async () => {
    const { peer, channel, number } = await consuming(() => undefined);
    const [consumer] = endpointOf(channel).consumers.list();
    const cancelled = consumer!.cancel();
    await peer.expect('basic.cancel');
    peer.send(number, 'channel.close', { replyCode: 406, replyText: 'PRECONDITION_FAILED', classId: 0, methodId: 0 });
    await cancelled;
    const restored = eventOf(channel, 'restored');
    await peer.acceptChannel();
    await restored;
    expect(sent(peer, 'basic.consume')).toBe(1);
    peer.agreeToClose();
  });

  it('K2.1 break out of a loop during a loss leaves no consumer that requeues every delivery', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel({ confirm: true });
    const queue = harness.name();
    await channel.queueDeclare(queue);
    for (let n = 0; n < 3; n++) await channel.publish('', queue, `${n}`);
    const back = eventOf(connection, 'reconnected');
    for await (const delivery of channel.consume(queue)) {
      expect(delivery.text()).toBe('0');
      proxy.stall('toServer');
      setImmediate(() => proxy.cut());
      break;
    }
    proxy.resume();
    await back;
    await eventually(async () => {
      const { consumerCount, messageCount } = await channel.queueDeclare(queue, { passive: true });
      return consumerCount === 0 && messageCount === 3;
    });
    expect(endpointOf(channel).consumers.list()).toEqual([]);
  });

  it('K2.1 return() while the loop waits for its consumer ends it before it starts', async () => {
    const server = await harness.server(async (peer) => {
      await peer.handshake();
      await peer.acceptChannel();
      await peer.expect('basic.consume');
    });
    const channel = await (await harness.connect({ urls: server.url })).openChannel();
    const iterator = channel.consume('q', { prefetch: 1 });
    const next = iterator.next();
    const [peer] = server.peers;
    await eventually(() => sent(peer!, 'basic.consume') === 1);
    await iterator.return!();
    expect(await next).toEqual({ done: true, value: undefined });
    peer!.agreeToClose();
  });

  it('K2.1 cancel() that times out: waiting deliveries are handled, the late answer ends the consumer', async () => {
    const inbox = new Inbox<string>();
    const { peer, channel, number } = await consuming((delivery) => (inbox.add(delivery.text()), delivery.ack()));
    const [consumer] = endpointOf(channel).consumers.list();
    const late = errorOf(consumer!.cancel({ timeout: 50 }));
    await peer.expect('basic.cancel');
    deliver(peer, number, 1);
    expect(await late).toBeInstanceOf(TimeoutError);
    expect(await inbox.next()).toBe('1');
    expect(consumer!.ended).toBe(false);
    peer.send(number, 'basic.cancelOk', { consumerTag: 'tag' });
    expect(await consumer!.closed).toBeUndefined();
    expect(endpointOf(channel).consumers.list()).toEqual([]);
    peer.agreeToClose();
  });

  it('K2.1 a channel error after cancel() restores neither the consumer nor its queue', async () => {
    const channel = await (await harness.connect()).openChannel();
    const queue = harness.name();
    await channel.queueDeclare(queue, { durable: false });
    const consumer = await channel.basicConsume(queue, () => undefined);
    await consumer.cancel();
    expect(endpointOf(channel).consumers.list()).toEqual([]);
    const restored = eventOf(channel, 'restored');
    await errorOf(channel.queueDeclare(harness.name(), { passive: true }));
    await restored;
    expect((await channel.queueDeclare(queue, { passive: true })).consumerCount).toBe(0);
  });

  it('K2.4 an aborted no-ack basicConsume: late deliveries are ignored, the consumer is cancelled', async () => {
    const server = await harness.server(async (peer) => {
      await peer.handshake();
      await peer.acceptChannel();
    });
    const channel = await (await harness.connect({ urls: server.url })).openChannel();
    const stop = new AbortController();
    const handled = new Inbox<Delivery>();
    const consume = errorOf(channel.basicConsume('q', handled.add, { noAck: true, signal: stop.signal }));
    const [peer] = server.peers;
    const { channel: number } = await peer!.expect('basic.consume');
    stop.abort(new Error('enough'));
    expect((await consume).message).toBe('enough');
    peer!.send(number, 'basic.consumeOk', { consumerTag: 'tag' });
    deliver(peer!, number, 1);
    await peer!.expect('basic.cancel');
    deliver(peer!, number, 2);
    peer!.send(number, 'basic.cancelOk', { consumerTag: 'tag' });
    const purge = channel.queuePurge('q');
    await peer!.expect('queue.purge');
    peer!.send(number, 'queue.purgeOk', { messageCount: 0 });
    await purge;
    expect([sent(peer!, 'basic.nack'), handled.all.length, channel.isOpen]).toEqual([0, 0, true]);
    peer!.agreeToClose();
  });

  it('K2.4 with acknowledgement: late deliveries wait for the answer, and are then requeued once', async () => {
    const server = await harness.server(async (peer) => {
      await peer.handshake();
      await peer.acceptChannel();
    });
    const channel = await (await harness.connect({ urls: server.url })).openChannel();
    const stop = new AbortController();
    const consume = errorOf(channel.basicConsume('q', () => undefined, { signal: stop.signal }));
    const [peer] = server.peers;
    const { channel: number } = await peer!.expect('basic.consume');
    stop.abort();
    await consume;
    peer!.send(number, 'basic.consumeOk', { consumerTag: 'tag' });
    deliver(peer!, number, 1);
    await peer!.expect('basic.cancel');
    expect(sent(peer!, 'basic.nack')).toBe(0);
    peer!.send(number, 'basic.cancelOk', { consumerTag: 'tag' });
    expect((await peer!.expect('basic.nack')).args).toMatchObject({ deliveryTag: 1, requeue: true });
    peer!.agreeToClose();
  });

  it('K2.8 the broker cancels a consumer with a backlog: the backlog is requeued', async () => {
    const { release, handler, inbox: seen } = heldHandler();
    const { peer, number } = await consuming(handler, { concurrency: 1 });
    for (let tag = 1; tag <= 4; tag++) deliver(peer, number, tag);
    await seen.next();
    peer.send(number, 'basic.cancel', { consumerTag: 'tag', noWait: true });
    const tags: number[] = [];
    while (tags.length < 3) tags.push((await peer.expect('basic.nack')).args.deliveryTag);
    expect(tags).toEqual([2, 3, 4]);
    release.resolve();
    await turn();
    expect(seen.all).toEqual(['1']);
    peer.agreeToClose();
  });

  it.each(['the broker cancels it', 'the link is lost'] as const)(
    'K2.8 no-ack, and %s: the backlog is handled, since the broker no longer has it',
    async (what) => {
      const { release, handler, inbox: seen } = heldHandler();
      const { peer, channel, number } = await consuming(handler, { concurrency: 1, noAck: true });
      const [consumer] = endpointOf(channel).consumers.list();
      for (let tag = 1; tag <= 4; tag++) deliver(peer, number, tag);
      await eventually(() => consumer!.inFlight === 4);
      if (what === 'the link is lost') peer.socket.destroy();
      else peer.send(number, 'basic.cancel', { consumerTag: 'tag', noWait: true });
      await eventually(() => !consumer!.active);
      release.resolve();
      await seen.take(4);
      expect(seen.all).toEqual(['1', '2', '3', '4']);
      peer.agreeToClose();
    },
  );

  it('K4.1 break out of a no-ack loop with 20,000 waiting deliveries', async () => {
    const server = await harness.server(async (peer) => {
      await peer.handshake();
      const number = await peer.acceptChannel();
      await peer.expect('basic.qos');
      peer.send(number, 'basic.qosOk', {});
      await peer.acceptConsumer();
      await peer.expect('basic.qos');
      peer.send(number, 'basic.qosOk', {});
      for (let tag = 1; tag <= 20_000; tag++) deliver(peer, number, tag, 'x');
      peer.agreeToClose();
    });
    const channel = await (await harness.connect({ urls: server.url })).openChannel();
    for await (const delivery of channel.consume('q', { noAck: true })) {
      await eventually(() => endpointOf(channel).consumers.list()[0]!.inFlight === 20_000);
      expect(delivery.text()).toBe('x');
      break;
    }
    expect(endpointOf(channel).consumers.list()).toEqual([]);
  });

  it('K4.1 a handler that is asynchronous once and then synchronous, with 30,000 deliveries', async () => {
    const release = new Deferred<void>();
    let handled = 0;
    const handler = (): Promise<void> | undefined => (handled++ === 0 ? release.promise : undefined);
    const { peer, channel, number } = await consuming(handler, { noAck: true, concurrency: 1 });
    for (let tag = 1; tag <= 30_000; tag++) deliver(peer, number, tag, 'x');
    const [consumer] = endpointOf(channel).consumers.list();
    await eventually(() => consumer!.inFlight === 30_000);
    release.resolve();
    await consumer!.idle();
    expect(handled).toBe(30_000);
    peer.agreeToClose();
  });

  it('K4.1 no-ack deliveries are handled while their channel closes on a blocked connection', async () => {
    const { release, handler, inbox } = heldHandler();
    const { peer, connection, channel, number } = await consuming(handler, { noAck: true });
    deliver(peer, number, 1);
    await inbox.take(1);
    await block(peer, connection);
    const closed = channel.close();
    deliver(peer, number, 2);
    const unblocked = eventOf(connection, 'unblocked');
    peer.send(0, 'connection.unblocked', {});
    await unblocked;
    release.resolve();
    peer.agreeToClose();
    await closed;
    expect(inbox.all).toEqual(['1', '2']);
    expect(sent(peer, 'basic.nack')).toBe(0);
  });

  it('K4.1 deliveries during the close on a blocked connection are requeued with the end of the channel, not before', async () => {
    const { release, handler, inbox } = heldHandler();
    const { peer, connection, channel, number } = await consuming(handler);
    deliver(peer, number, 1);
    await inbox.take(1);
    await block(peer, connection);
    const closed = channel.close();
    deliver(peer, number, 2);
    const unblocked = eventOf(connection, 'unblocked');
    peer.send(0, 'connection.unblocked', {});
    await unblocked;
    // The broker, which still has the consumer, would deliver a returned message at once.
    deliver(peer, number, 3);
    release.resolve();
    peer.agreeToClose();
    await closed;
    expect([inbox.all, sent(peer, 'basic.nack'), sent(peer, 'channel.close')]).toEqual([['1'], 0, 1]);
  });

  it.each([false, true])(
    'K4.1 a channel that is lost while it closes after a block consumes no more, noAck %s',
    async (noAck) => {
      const release = new Deferred<void>();
      const begun = new Deferred<void>();
      let opened = 0;
      const server = await harness.server(async (peer) => {
        await peer.handshake();
        await peer.acceptChannel();
        if (++opened > 1) peer.agreeToClose();
      });
      const connection = await harness.connect({ urls: server.url });
      const channel = await connection.openChannel();
      const consumer = channel.basicConsume('q', () => (begun.resolve(), release.promise), { noAck });
      const peer = server.peers[0]!;
      deliver(peer, await peer.acceptConsumer(), 1);
      await Promise.all([consumer, begun.promise]);
      await block(peer, connection);
      const closed = channel.close();
      const reconnected = eventOf(connection, 'reconnected');
      peer.socket.destroy();
      await reconnected;
      release.resolve();
      await closed;
      expect(sent(server.peers[1]!, 'basic.consume')).toBe(0);
    },
  );

  it('K4.1 close() also waits for a handler that begins while a blocked channel waits for its publishes', async () => {
    const release = new Deferred<void>();
    const inbox = new Inbox<string>();
    const order: string[] = [];
    const handler = async (delivery: Delivery): Promise<void> => {
      inbox.add(delivery.text());
      await release.promise;
      order.push('handled');
    };
    const { peer, connection, channel, number } = await consuming(handler, { noAck: true });
    await block(peer, connection);
    const published = errorOf(channel.publish('', 'q', 'waits'));
    const closed = channel.close().then(() => order.push('closed'));
    deliver(peer, number, 1);
    await inbox.take(1);
    await eventually(() => harness.warnings.some((line) => line.includes('no outcome yet')));
    release.resolve();
    peer.agreeToClose();
    await Promise.all([closed, published]);
    expect(order).toEqual(['handled', 'closed']);
  });

  it('K4.1 close() also waits for a handler that begins while channel.close is under way after a block', async () => {
    const { release, handler, inbox } = heldHandler();
    const order: string[] = [];
    const handled = async (delivery: Delivery): Promise<void> => {
      await handler(delivery);
      order.push('handled');
    };
    const { peer, connection, channel, number } = await consuming(handled, { noAck: true });
    await block(peer, connection);
    const published = channel.publish('', 'q', 'waits');
    const closed = channel.close().then(() => order.push('closed'));
    peer.send(0, 'connection.unblocked', {});
    await published;
    await peer.expect('channel.close');
    deliver(peer, number, 1);
    peer.send(number, 'channel.closeOk', {});
    await inbox.take(1);
    // The client reads this after closeOk.
    await block(peer, connection);
    release.resolve();
    await closed;
    expect(order).toEqual(['handled', 'closed']);
    peer.agreeToClose();
  });

  it.each([false, true])(
    'K2.8 an aborted consumer keeps its deliveries until its late cancel-ok, noAck %s',
    async (noAck) => {
      const server = await harness.server(async (peer) => {
        await peer.handshake();
        await peer.acceptChannel();
      });
      const connection = await harness.connect({ urls: server.url, rpcTimeout: 50 });
      const channel = await connection.openChannel();
      const consumed = errorOf(channel.basicConsume('q', () => {}, { noAck, timeout: 1 }));
      const peer = server.peers[0]!;
      await peer.expect('basic.consume');
      expect(await consumed).toBeInstanceOf(TimeoutError);
      peer.send(1, 'basic.consumeOk', { consumerTag: 'tag' });
      await peer.expect('basic.cancel');
      // Its deadline is later than that of basic.cancel, which is not answered either.
      expect(await errorOf(channel.basicQos(1))).toBeInstanceOf(TimeoutError);
      deliver(peer, 1, 1);
      peer.send(0, 'connection.blocked', { reason: 'read so far' });
      await eventOf(connection, 'blocked');
      peer.send(0, 'connection.unblocked', {});
      await eventOf(connection, 'unblocked');
      expect(sent(peer, 'basic.nack')).toBe(0);
      peer.agreeToClose();
      await channel.close();
      expect(sent(peer, 'basic.nack')).toBe(0);
    },
  );

  it('K4.1 no-ack deliveries for a consumer that was cancelled before are dropped', async () => {
    const { release, handler, inbox } = heldHandler();
    const { peer, connection, channel, number } = await consuming(handler, { noAck: true });
    deliver(peer, number, 1);
    await inbox.take(1);
    const cancelled = endpointOf(channel).consumers.list()[0]!.cancel();
    await peer.expect('basic.cancel');
    await block(peer, connection);
    const closed = channel.close();
    deliver(peer, number, 2);
    const unblocked = eventOf(connection, 'unblocked');
    peer.send(0, 'connection.unblocked', {});
    await unblocked;
    release.resolve();
    peer.agreeToClose();
    await Promise.all([cancelled, closed]);
    expect(inbox.all).toEqual(['1']);
    expect(sent(peer, 'basic.nack')).toBe(0);
  });

  it('K4.2 a handler that throws a value without text, or returns a thenable that throws', async () => {
    const odd = [
      () => {
        throw Object.create(null) as Error;
      },
      () => ({
        // oxlint-disable-next-line unicorn/no-thenable -- what a handler may return
        then() {
          throw new Error('not even this');
        },
      }),
    ];
    const { peer, channel, number } = await consuming(() => odd.shift()!(), { concurrency: 1 });
    const errors = new Inbox<unknown>();
    channel.on('handlerError', errors.add);
    deliver(peer, number, 1);
    deliver(peer, number, 2);
    await errors.take(2);
    expect(channel.isOpen).toBe(true);
    expect(endpointOf(channel).consumers.list()[0]!.inFlight).toBe(0);
    peer.agreeToClose();
  });
});
