import { describe, expect, it } from '@jest/globals';
import { getEventListeners } from 'node:events';
import { connect, PublishTimeoutError, TimeoutError, type Delivery } from '../../lib/client/index.js';
import { errorOf, eventOf, eventually, useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';

describe('A3 timeouts', () => {
  const harness = useClientHarness();

  it('A3 a silent server: the deadline covers TCP and handshake, and the error names the address', async () => {
    const server = await harness.server(() => undefined);
    const started = performance.now();
    const error = await errorOf(
      harness.tracked('connect', connect({ urls: server.url, connectTimeout: 60, clock: harness.clock })),
    );
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error.message).toMatch(new RegExp(`${server.url.slice(7)}.* 60 ms`));
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it.each(['start', 'tune', 'open'] as const)('A3 a server that stops in the handshake, after %s', async (last) => {
    const server = await harness.server(async (peer) => {
      await peer.greet();
      if (last === 'start') return;
      peer.tune();
      if (last === 'tune') return;
      await peer.expect('connection.open');
    });
    const attempt = connect({ urls: server.url, connectTimeout: 60, clock: harness.clock });
    expect(await errorOf(harness.tracked('connect', attempt))).toBeInstanceOf(TimeoutError);
  });

  it('A3 an AbortSignal ends connect()', async () => {
    const server = await harness.server(() => undefined);
    const controller = new AbortController();
    const attempt = connect({ urls: server.url, signal: controller.signal, clock: harness.clock });
    const reason = new Error('the user has left');
    controller.abort(reason);
    expect(await errorOf(harness.tracked('connect', attempt))).toBe(reason);
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
  });

  it('A3 a missing reply rejects only its call, and a late reply is discarded', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel();
    const queues = [harness.name(), harness.name()];
    for (const queue of queues) await channel.queueDeclare(queue, { exclusive: true });
    await channel.publish('', queues[0]!, 'x');
    proxy.stall('toClient');
    const late = await errorOf(channel.queueDeclare(queues[0]!, { passive: true, timeout: 40 }));
    expect(late).toBeInstanceOf(TimeoutError);
    expect(late.message).toContain('queue.declare');
    const next = channel.queueDeclare(queues[1]!, { passive: true });
    proxy.resume();
    // If this call took the late reply as its own, it would report the message of the other queue.
    expect((await next).messageCount).toBe(0);
    expect(channel.isOpen).toBe(true);
  });

  it('A3 a message of a basic.get that timed out is requeued', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel();
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    await channel.publish('', queue, 'precious');
    proxy.stall('toClient');
    expect(await errorOf(channel.basicGet(queue, { timeout: 40 }))).toBeInstanceOf(TimeoutError);
    proxy.resume();
    await channel.basicQos(1); // the reply follows the late one
    const again = (await channel.basicGet(queue))!;
    expect(again.text()).toBe('precious');
    expect(again.redelivered).toBe(true);
    again.ack();
  });

  it('A3 a missing confirm: PublishTimeoutError, outcome unknown; a late confirm is ignored', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel({ confirm: true });
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    proxy.stall('toClient');
    const first = await errorOf<PublishTimeoutError>(channel.publish('', queue, 'first', { timeout: 40 }));
    expect(first).toBeInstanceOf(PublishTimeoutError);
    expect(first.outcome).toBe('unknown');
    const second = channel.publish('', queue, 'second');
    proxy.resume();
    expect(await second).toBe(2);
    await channel.waitForConfirms();
    expect((await channel.queueDeclare(queue, { passive: true })).messageCount).toBe(2);
  });

  it('A3 a publish that was not sent by its deadline rejects with the outcome not-sent', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel({ confirm: true });
    proxy.refuse();
    proxy.cut();
    await eventOf(connection, 'disconnected');
    const error = await errorOf<PublishTimeoutError>(channel.publish('', 'nowhere', 'x', { timeout: 30 }));
    expect(error).toBeInstanceOf(PublishTimeoutError);
    expect(error.outcome).toBe('not-sent');
  });

  it('A3 an AbortSignal ends every wait, and keeps no listener', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel({ confirm: true });
    const plain = await connection.openChannel();
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    const controller = new AbortController();
    const { signal } = controller;
    // A call that settles in time removes its listener.
    await channel.publish('', queue, 'x', { signal });
    await plain.publish('', queue, 'x', { signal });
    await channel.queueDeclare(queue, { passive: true, signal });
    expect(getEventListeners(signal, 'abort')).toEqual([]);

    proxy.stall('toClient');
    const waits = [
      channel.publish('', queue, 'x', { signal }),
      channel.waitForConfirms({ signal }),
      channel.queueDeclare(queue, { passive: true, signal }),
      channel.basicGet(queue, { signal }),
      channel.basicConsume(queue, () => undefined, { signal }),
      channel.basicQos(1, { signal }),
      connection.drainEvents({ signal }),
      connection.openChannel({ signal }),
    ];
    const reason = new Error('enough');
    controller.abort(reason);
    for (const wait of waits) expect(await errorOf(wait)).toBe(reason);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    // A call with an aborted signal sends nothing.
    expect(await errorOf(channel.publish('', queue, 'x', { signal }))).toBe(reason);
    expect(await errorOf(channel.queueDelete(queue, { signal }))).toBe(reason);
    proxy.resume();
    // The consumer without a caller was registered and is cancelled; the channel without a caller is closed.
    await eventually(async () => {
      const { messageCount, consumerCount } = await channel.queueDeclare(queue, { passive: true });
      return messageCount === 3 && consumerCount === 0;
    });
    const third = await connection.openChannel();
    expect((await third.queueDeclare(queue, { passive: true })).queue).toBe(queue);
  });

  it('A3 while reconnecting: calls wait until their deadline or signal', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel();
    proxy.refuse();
    proxy.cut();
    await eventOf(connection, 'disconnected');
    const signal = AbortSignal.timeout(40);
    const waits = await Promise.all([
      errorOf(channel.queueDeclare('x', { passive: true, timeout: 30 })),
      errorOf(channel.basicConsume('x', () => undefined, { timeout: 30 })),
      errorOf(connection.openChannel({ timeout: 30 })),
      errorOf(connection.drainEvents({ timeout: 30 })),
    ]);
    for (const error of waits) expect(error).toBeInstanceOf(TimeoutError);
    expect(await errorOf(channel.basicGet('x', { signal }))).toMatchObject({ name: 'TimeoutError' });
  });

  it('A3 close() of a channel and of a connection keep their deadline when the broker answers nothing', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel({ confirm: true });
    const unconfirmed = harness.name();
    await channel.queueDeclare(unconfirmed, { exclusive: true });
    proxy.stall('toClient');
    const publish = errorOf(channel.publish('', unconfirmed, 'x'));
    await channel.close({ timeout: 40 });
    expect(await publish).toMatchObject({ name: 'ChannelClosedError' });
    const started = performance.now();
    await connection.close({ timeout: 40 });
    expect(performance.now() - started).toBeLessThan(1_000);
    expect(connection.state).toBe('closed');
  });

  it('A3 a channel whose close() timed out affects neither its connection nor the next channel', async () => {
    const connection = await harness.connect();
    const sibling = await connection.openChannel();
    const queue = harness.name();
    await sibling.queueDeclare(queue, { exclusive: true });
    const channel = await connection.openChannel({ confirm: true });
    let release!: () => void;
    const held = new Promise<void>((resolve) => (release = resolve));
    const inbox = new Inbox<Delivery>();
    await channel.basicConsume(queue, (delivery) => (inbox.add(delivery), held), { prefetch: 1 });
    await channel.publish('', queue, 'held');
    await inbox.next();
    await channel.close({ timeout: 30 });
    release();
    // The channel may get the number of the channel that timed out.
    const confirming = await connection.openChannel({ confirm: true });
    await confirming.publish('', queue, 'next');
    expect(connection.state).toBe('open');
    expect((await sibling.queueDeclare(queue, { passive: true })).queue).toBe(queue);
  });
});
