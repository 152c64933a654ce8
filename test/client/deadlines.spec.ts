import { describe, expect, it } from '@jest/globals';
import { ConfigurationError, connect, TimeoutError, type Channel, type Connection } from '../../lib/client/index.js';
import { errorOf, eventOf, useClientHarness } from './support/client-harness.js';
import { ManualClock } from './support/manual-clock.js';

/** Longer than a Node timer can hold, or infinite: Node fires both after 1 ms. */
const LONG = [2 ** 31, 1e12, Infinity];
const WRONG = [Number.NaN, -1, '50', null] as number[];

type Call = readonly [name: string, call: (timeout: number) => Promise<unknown>];

/** Every call that takes a timeout. */
function calls(connection: Connection, channel: Channel, queue: string): Call[] {
  return [
    ['publish', (timeout) => channel.publish('', queue, 'x', { timeout })],
    ['waitForConfirms', (timeout) => channel.waitForConfirms({ timeout })],
    ['queueDeclare', (timeout) => channel.queueDeclare(queue, { passive: true, timeout })],
    ['queueBind', (timeout) => channel.queueBind(queue, 'amq.direct', 'k', { timeout })],
    ['exchangeDeclare', (timeout) => channel.exchangeDeclare('amq.direct', 'direct', { passive: true, timeout })],
    ['basicQos', (timeout) => channel.basicQos(1, { timeout })],
    ['basicGet', (timeout) => channel.basicGet(queue, { noAck: true, timeout })],
    [
      'basicConsume and cancel',
      async (timeout) => {
        const consumer = await channel.basicConsume(queue, (delivery) => delivery.ack(), { timeout });
        await consumer.cancel({ timeout });
      },
    ],
    [
      'openChannel and close',
      async (timeout) => {
        const other = await connection.openChannel({ timeout });
        await other.close({ timeout });
      },
    ],
  ];
}

describe('K3.1 deadlines', () => {
  const harness = useClientHarness();

  async function open(options = {}): Promise<{ connection: Connection; channel: Channel; queue: string }> {
    const connection = await harness.connect(options);
    const channel = await connection.openChannel({ confirm: true });
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    return { connection, channel, queue };
  }

  it.each(LONG)('K3.1 a timeout of %d ms does not end after 1 ms, in any call', async (timeout) => {
    const { connection, channel, queue } = await open({ connectTimeout: timeout, rpcTimeout: timeout });
    for (const [, call] of calls(connection, channel, queue)) await call(timeout);
    const next = connection.drainEvents({ timeout });
    await channel.publish('', queue, 'an event');
    await next;
    await channel.close({ timeout });
    await connection.close({ timeout });
  });

  it.each(LONG)('K3.1 %d ms as the publishTimeout of a channel, also while the broker confirms nothing', async (ms) => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel({ confirm: true, publishTimeout: ms });
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    proxy.stall('toClient');
    const publish = channel.publish('', queue, 'x');
    const confirms = channel.waitForConfirms();
    // A deadline of 1 ms has passed then, since timers run in the order of their ends.
    await new Promise<void>((resolve) => harness.clock.after(20, resolve));
    proxy.resume();
    await Promise.all([publish, confirms]);
  });

  it('K3.1 NaN, negative numbers and text are refused at once, and nothing is sent or closed', async () => {
    const { connection, channel, queue } = await open();
    for (const wrong of WRONG) {
      const all: Call[] = [
        ...calls(connection, channel, queue),
        ['drainEvents', (timeout) => connection.drainEvents({ timeout })],
        ['Channel.close', (timeout) => channel.close({ timeout })],
        ['Connection.close', (timeout) => connection.close({ timeout })],
      ];
      for (const [name, call] of all) {
        // `?? default` replaces null like a missing value.
        if (wrong === null && !['publish', 'queueDeclare', 'basicQos'].includes(name)) continue;
        expect([name, await errorOf(call(wrong))]).toEqual([name, expect.any(ConfigurationError)]);
      }
    }
    const consumer = await channel.basicConsume(queue, () => undefined);
    expect(await errorOf(consumer.cancel({ timeout: Number.NaN }))).toBeInstanceOf(ConfigurationError);
    expect([consumer.active, channel.isOpen, connection.state]).toEqual([true, true, 'open']);
    const { messageCount, consumerCount } = await channel.queueDeclare(queue, { passive: true });
    expect([messageCount, consumerCount]).toEqual([0, 1]);
  });

  it('K3.1 they are refused while the connection is lost, too', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel({ confirm: true });
    proxy.refuse();
    proxy.cut();
    await eventOf(connection, 'disconnected');
    for (const [name, call] of calls(connection, channel, 'q')) {
      if (name === 'waitForConfirms') continue;
      expect([name, await errorOf(call(Number.NaN))]).toEqual([name, expect.any(ConfigurationError)]);
    }
  });

  it.each([
    ['rpcTimeout', WRONG.slice(0, 3)],
    ['connectTimeout', WRONG.slice(0, 3)],
    ['heartbeat', [...WRONG.slice(0, 3), Infinity, 65_536]],
  ])('K3.1 connect() refuses a %s of %p', async (option, wrongs) => {
    for (const wrong of wrongs) {
      const attempt = connect({ urls: 'amqp://127.0.0.1:1', [option]: wrong });
      expect(await errorOf(attempt)).toBeInstanceOf(ConfigurationError);
    }
  });

  it.each([
    ['initialDelay', [...WRONG.slice(0, 3), Infinity]],
    ['maxDelay', WRONG.slice(0, 3)],
    ['attempts', WRONG.slice(0, 3)],
  ])('K3.1 connect() refuses a reconnect.%s of %p', async (option, wrongs) => {
    for (const wrong of wrongs) {
      const attempt = connect({ urls: 'amqp://127.0.0.1:1', reconnect: { [option]: wrong } });
      expect(await errorOf(attempt)).toBeInstanceOf(ConfigurationError);
    }
  });

  it('K3.1 the timeout of openChannel covers all of its methods together', async () => {
    const clock = new ManualClock();
    const server = await harness.server(async (peer) => {
      await peer.handshake();
      peer.agreeToClose();
      const { channel } = await peer.expect('channel.open');
      clock.advance(600);
      peer.send(channel, 'channel.openOk', {});
      await peer.expect('basic.qos');
      clock.advance(399);
      clock.advance(1);
    });
    const connection = await harness.connect({ urls: server.url, clock });
    const error = await errorOf(connection.openChannel({ prefetch: 5, confirm: true, timeout: 1_000 }));
    expect(error).toBeInstanceOf(TimeoutError);
    expect(clock.now()).toBe(1_000);
  });

  it('K3.1 the wait for the connection is part of the timeout of openChannel', async () => {
    const clock = new ManualClock();
    let opened = 0;
    const server = await harness.server(async (peer, index) => {
      await peer.handshake();
      if (index === 0) return peer.socket.destroy();
      peer.agreeToClose();
      // Leaves all further methods unanswered.
      await peer.expect('channel.open');
      opened++;
      return clock.advance(400);
    });
    const connection = await harness.connect({ urls: server.url, clock, reconnect: { initialDelay: 1, maxDelay: 1 } });
    if (connection.state === 'open') await eventOf(connection, 'disconnected');
    const opening = errorOf(connection.openChannel({ timeout: 1_000 }));
    clock.advance(600);
    expect(await opening).toBeInstanceOf(TimeoutError);
    expect([opened, clock.now()]).toEqual([1, 1_000]);
  });
});
