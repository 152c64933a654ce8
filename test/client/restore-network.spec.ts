import type { EventEmitter } from 'node:events';
import { describe, expect, it, jest } from '@jest/globals';
import { ConnectionLostError } from '../../lib/client/index.js';
import type { Direction, TcpProxy } from '../support/tcp-proxy.js';
import { Application } from './support/application.js';
import { errorOf, eventOf, eventually, useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';

jest.setTimeout(30_000);

/** Cuts after a number of bytes, or when everything is back, if fewer bytes have passed. */
async function cutBefore(back: Promise<unknown>, proxy: TcpProxy, bytes: number, direction: Direction): Promise<void> {
  const cut = proxy.cutAfterBytes(bytes, direction).then(() => 'cut');
  if ((await Promise.race([cut, back])) === 'cut') return;
  // Cuts the connection that sends next.
  void proxy.cutAfterBytes(0, direction);
  proxy.cut();
  await cut;
}

/** Resolves at the next event of this name, if there is one. */
function next(emitter: Pick<EventEmitter, 'once'>, event: string): Promise<void> {
  return new Promise((resolve) => void emitter.once(event, () => resolve()));
}

/** Cancels `cutAfterBytes`. */
function disarm(proxy: TcpProxy, direction: Direction): void {
  void proxy.cutAfterBytes(Infinity, direction);
}

describe('B restore after faults of the network', () => {
  const harness = useClientHarness();

  it('B reset (RST): all pending calls are settled, all declarations are restored', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const application = await Application.start(harness, connection);
    for (let round = 0; round < 3; round++) {
      const redelivered = await application.hold();
      proxy.stall('toServer');
      const settled = application.pend();
      const back = eventOf(connection, 'reconnected');
      const restored = [application.channel, application.sibling].map((channel) => eventOf(channel, 'restored'));
      proxy.cut();
      await settled();
      proxy.resume();
      await Promise.all([back, ...restored]);
      await redelivered();
      await application.verify();
    }
  });

  it('B dropped for a while: attempts continue, waiting publishes are sent after the reconnect', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const application = await Application.start(harness, connection);
    const failures = new Inbox<unknown>();
    connection.on('reconnectFailed', failures.add);
    const lost = eventOf(connection, 'disconnected');
    proxy.refuse();
    proxy.cut();
    await lost;
    const waiting = [1, 2, 3].map((n) => application.sibling.publish('', application.queue, `waited ${n}`));
    const opening = connection.openChannel();
    const call = application.channel.queueDeclare(application.queue, { passive: true });
    await failures.take(3);
    const back = eventOf(connection, 'reconnected');
    await proxy.accept();
    await back;
    expect(await Promise.all(waiting)).toEqual([1, 2, 3]);
    expect((await call).queue).toBe(application.queue);
    expect((await opening).isOpen).toBe(true);
    expect((await application.work.take(3)).map((delivery) => delivery.text())).toEqual([
      'waited 1',
      'waited 2',
      'waited 3',
    ]);
    await application.verify();
  });

  it('B stalled: detected by the heartbeat', async () => {
    const { connection, proxy } = await harness.connectThroughProxy({ heartbeat: 1 });
    const application = await Application.start(harness, connection);
    proxy.stall();
    const settled = application.pend();
    const back = eventOf(connection, 'reconnected');
    const [error] = await eventOf<[Error]>(connection, 'disconnected');
    expect(error.message).toContain('heartbeat');
    await settled();
    proxy.cut(); // bytes that were under way must not arrive later
    proxy.resume();
    await back;
    await application.verify();
  });

  it('B half open on the client’s side: detected by the heartbeat', async () => {
    const { connection, proxy } = await harness.connectThroughProxy({ heartbeat: 1 });
    const application = await Application.start(harness, connection);
    const redelivered = await application.hold();
    const back = eventOf(connection, 'reconnected');
    proxy.halfOpen('client');
    const settled = application.pend();
    await settled();
    await back;
    await redelivered();
    await application.verify();
  });

  it('B half open on the broker’s side: queues that the dead connection locks are taken over once they are free', async () => {
    const { connection, proxy } = await harness.connectThroughProxy({ heartbeat: 1 });
    const application = await Application.start(harness, connection);
    const locked = harness.name('locked');
    const channel = await connection.openChannel({ confirm: true });
    await channel.queueDeclare(locked, { durable: true });
    const inbox = new Inbox<unknown>();
    const only = await channel.basicConsume(locked, inbox.add, { exclusive: true, noAck: true });
    const failed = new Inbox<unknown>();
    connection.on('restoreFailed', failed.add);
    const back = eventOf(connection, 'reconnected');
    proxy.halfOpen('server');
    await back;
    // The broker had both connections at once: the lock was held.
    expect(failed.all.length).toBeGreaterThan(0);
    await eventually(() => application.channel.isOpen && channel.isOpen);
    // Consumers that were locked out return by themselves.
    await eventually(() => [...application.consumers, only].every(({ active }) => active));
    await application.verify();
    await channel.publish('', locked, 'mine again', { mandatory: true });
    await inbox.next();
  });

  it('B cut within an outgoing frame', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const application = await Application.start(harness, connection);
    const body = Buffer.alloc(300_000, 'x');
    for (const bytes of [1, 20, 131_072, 200_000]) {
      const cut = proxy.cutAfterBytes(bytes, 'toServer');
      const back = eventOf(connection, 'reconnected');
      const error = await errorOf(application.channel.publish('', application.queue, body));
      expect(error).toBeInstanceOf(ConnectionLostError);
      expect(error).toMatchObject({ outcome: 'unknown' });
      await cut;
      await back;
      // Half a message is not delivered.
      await application.verify();
    }
  });

  it('B cut within an incoming frame', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const application = await Application.start(harness, connection);
    const publisher = await (await harness.connect()).openChannel({ confirm: true });
    for (const bytes of [3, 60, 131_000, 250_000]) {
      const cut = proxy.cutAfterBytes(bytes, 'toClient');
      const back = eventOf(connection, 'reconnected');
      await publisher.publish('', application.queue, Buffer.alloc(300_000, 'y'));
      await cut;
      await back;
      const delivery = await application.work.next();
      expect([delivery.body.length, delivery.redelivered]).toEqual([300_000, true]);
      await application.verify();
    }
  });

  it('B byte by byte in both directions: nothing is lost, nothing is changed', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    proxy.chunk(1);
    const application = await Application.start(harness, connection);
    await application.verify();
    const back = eventOf(connection, 'reconnected');
    proxy.cut();
    await back;
    await application.verify();
  });

  it('B cut at any point of the recovery: the next attempt starts over', async () => {
    const { connection, proxy } = await harness.connectThroughProxy({ reconnect: { initialDelay: 1, maxDelay: 5 } });
    const application = await Application.start(harness, connection);
    const losses = { disconnected: 0, reconnectFailed: 0 };
    for (const event of ['disconnected', 'reconnectFailed'] as const) connection.on(event, () => losses[event]++);
    for (const direction of ['toServer', 'toClient'] as const) {
      proxy.cut();
      for (let bytes = 1; bytes < 1_500; bytes += 53) {
        await cutBefore(next(connection, 'reconnected'), proxy, bytes, direction);
      }
      await eventually(() => application.isBack);
      disarm(proxy, direction);
      await eventually(() => application.isBack);
      await application.verify();
    }
    // Cuts occurred in the handshake and after it.
    expect(losses.disconnected).toBeGreaterThan(10);
    expect(losses.reconnectFailed).toBeGreaterThan(10);
  });

  it('B a queue that is locked at its declaration and missing at its consume is tried again', async () => {
    const close = { classId: 50, methodId: 10 };
    const server = await harness.server(async (peer, index) => {
      await peer.handshake();
      const declare = async (): Promise<number> => (await peer.expect('queue.declare')).channel;
      const declareOk = { queue: 'q', messageCount: 0, consumerCount: 0 };
      if (index === 0) {
        await peer.acceptChannel();
        peer.send(await declare(), 'queue.declareOk', declareOk);
        await peer.acceptConsumer('tag');
        peer.socket.resetAndDestroy();
        return;
      }
      const locked = { ...close, replyCode: 405, replyText: 'RESOURCE_LOCKED' };
      const gone = { replyCode: 404, replyText: 'NOT_FOUND', classId: 60, methodId: 20 };
      const scratch = await peer.acceptChannel();
      await declare();
      peer.send(scratch, 'channel.close', locked);
      peer.agreeToClose();
      // The restored channel, its consumer, and the retry of the locked queue may come in any order.
      for (let consumed = 0; consumed < 2;) {
        const frame = await peer.next((one) => one.kind === 'method' && one.method.name !== 'channel.closeOk');
        if (frame.kind !== 'method') continue;
        if (frame.method.name === 'channel.open') peer.send(frame.channel, 'channel.openOk', {});
        if (frame.method.name === 'queue.declare') peer.send(frame.channel, 'queue.declareOk', declareOk);
        if (frame.method.name !== 'basic.consume') continue;
        if (++consumed === 1) peer.send(frame.channel, 'channel.close', gone);
        else peer.send(frame.channel, 'basic.consumeOk', { consumerTag: 'tag' });
      }
    });
    const connection = await harness.connect({ urls: server.url });
    const channel = await connection.openChannel();
    await channel.queueDeclare('q', { exclusive: true });
    const consumer = await channel.basicConsume('q', () => undefined);
    await eventOf(channel, 'restored');
    await eventually(() => consumer.active);
  });

  it('B cut while a channel is restored after an error of its own', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const application = await Application.start(harness, connection);
    for (let bytes = 1; bytes < 250; bytes += 23) {
      const back = eventOf(connection, 'reconnected');
      const lost = eventOf(application.channel, 'lost');
      const failing = errorOf(application.channel.queueDeclare('not.there', { passive: true }));
      await lost;
      await cutBefore(next(application.channel, 'restored'), proxy, bytes, 'toClient');
      await failing;
      await back;
      disarm(proxy, 'toClient');
      await eventually(() => application.isBack);
    }
    await application.verify();
  });

  it('B reconnect: false: closes, and all waiting calls fail', async () => {
    const { connection, proxy } = await harness.connectThroughProxy({ reconnect: false });
    const channel = await connection.openChannel({ confirm: true });
    proxy.stall('toServer');
    const pending = [
      channel.publish('', 'x', 'x'),
      channel.basicQos(1),
      connection.openChannel(),
      connection.drainEvents(),
    ].map((promise) => errorOf(promise));
    proxy.cut();
    for (const error of await Promise.all(pending)) expect(error).toBeInstanceOf(ConnectionLostError);
    expect(await connection.closed).toBeInstanceOf(ConnectionLostError);
    expect(await channel.closed).toBeInstanceOf(ConnectionLostError);
    expect(connection.state).toBe('closed');
  });

  it('B attempts: closes with an error that says so when they are used up', async () => {
    const { connection, proxy } = await harness.connectThroughProxy({
      reconnect: { initialDelay: 1, maxDelay: 2, attempts: 3 },
    });
    const channel = await connection.openChannel({ confirm: true });
    let failures = 0;
    connection.on('reconnectFailed', () => failures++);
    proxy.refuse();
    proxy.cut();
    const waiting = errorOf(channel.publish('', 'x', 'x'));
    const error = await connection.closed;
    expect(error!.message).toContain('gave up after 3 attempts');
    expect(failures).toBe(2);
    expect(await waiting).toBeInstanceOf(Error);
    expect(await channel.closed).toBe(error);
  });
});
