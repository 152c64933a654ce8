import type { Socket } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { connect, type Connection, type Delivery } from '../../lib/client/index.js';
import { eventOf, eventually, useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';
import { ManualClock } from './support/manual-clock.js';
import type { Peer } from './support/scripted-server.js';

const MIB = 1024 * 1024;
const SIZE = 100_000;

describe('K6 6.3 deliveries without another bound', () => {
  const harness = useClientHarness();
  const socketOf = (connection: Connection): Socket => connection.socket as Socket;

  /** Declares a queue with `count` numbered messages of 100 kB, and opens a connection with this limit. */
  async function full(count: number, maxHeldBytes: number) {
    const publisher = await (await harness.connect()).openChannel({ confirm: true });
    const queue = harness.name();
    await publisher.queueDeclare(queue);
    const body = (n: number): Buffer => Buffer.alloc(SIZE, `${n}.`);
    await Promise.all(Array.from({ length: count }, (_, n) => publisher.publish('', queue, body(n))));
    const connection = await harness.connect({ maxHeldBytes });
    return { queue, connection, channel: await connection.openChannel({ confirm: true }) };
  }

  const numberOf = ({ body }: Delivery): number => parseInt(body.toString('latin1', 0, 8), 10);

  it('K6 6.3 a slow loop over a no-ack iterator: the socket is paused above the bound, resumed below, and nothing is lost', async () => {
    const { queue, connection, channel } = await full(300, MIB);
    const seen: number[] = [];
    for await (const delivery of channel.consume(queue, { noAck: true })) {
      if (seen.push(numberOf(delivery)) === 1) {
        await eventually(() => socketOf(connection).isPaused());
        expect(socketOf(connection).bytesRead).toBeLessThan(2 * MIB);
        expect(connection.isAlive).toBe(true);
      }
      if (seen.length === 300) break;
    }
    expect(seen).toEqual(Array.from({ length: 300 }, (_, n) => n));
  });

  it.each([
    ['no-ack', { noAck: true }],
    ['no-ack, one handler at a time', { noAck: true, concurrency: 1 }],
    ['a prefetch of 0', {}],
  ])('K6 6.3 slow handlers, %s: the bound limits how many run', async (_, options) => {
    const { queue, connection, channel } = await full(200, MIB);
    const inbox = new Inbox<Delivery>();
    let end: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    await channel.basicConsume(
      queue,
      async (delivery) => {
        inbox.add(delivery);
        await ended;
        if (!delivery.settled) delivery.ack();
      },
      options,
    );
    await eventually(() => socketOf(connection).isPaused());
    expect(inbox.all.length).toBeLessThan(20);
    expect(socketOf(connection).bytesRead).toBeLessThan(2 * MIB);
    end();
    expect((await inbox.take(200)).map(numberOf)).toEqual(Array.from({ length: 200 }, (_, n) => n));
  });

  it('K6 6.3 handlers that wait for confirms of the same connection receive them, however much is held', async () => {
    const { queue, connection, channel } = await full(120, 2 * MIB);
    const publishing = await connection.openChannel({ confirm: true });
    const { queue: results } = await channel.queueDeclare('', { exclusive: true });
    const inbox = new Inbox<number>();
    let paused = false;
    const pause = socketOf(connection).pause.bind(connection.socket);
    socketOf(connection).pause = () => ((paused = true), pause());
    await channel.basicConsume(
      queue,
      async (delivery) => {
        await publishing.publish('', results, 'done');
        inbox.add(numberOf(delivery));
      },
      { noAck: true, concurrency: 1 },
    );
    expect(await inbox.take(120, 40_000)).toEqual(Array.from({ length: 120 }, (_, n) => n));
    expect(paused).toBe(true);
  });

  /** Opens a connection on a manual clock; a handler that does not end keeps its socket paused. */
  async function paused() {
    const clock = new ManualClock();
    let broker!: Peer;
    const server = await harness.server(async (peer) => {
      broker = peer;
      await peer.handshake({ heartbeat: 10 });
      const channel = await peer.acceptChannel();
      await peer.acceptConsumer('tag');
      for (let deliveryTag = 1; deliveryTag <= 30; deliveryTag++) {
        const args = { consumerTag: 'tag', deliveryTag, redelivered: false, exchange: '', routingKey: '' };
        peer.content(channel, 'basic.deliver', args, {}, Buffer.alloc(SIZE));
      }
    });
    const connection = harness.watch(
      await connect({ urls: server.url, clock, heartbeat: 10, maxHeldBytes: MIB, reconnect: false }),
    );
    const channel = await connection.openChannel();
    let end: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    await channel.basicConsume('q', () => ended, { noAck: true });
    await eventually(() => socketOf(connection).isPaused());
    return { clock, connection, broker, end };
  }

  it('K6 6.3 a paused socket does not count as silence of the broker; heartbeats are sent; silence counts again after the pause', async () => {
    const { clock, connection, broker, end } = await paused();
    for (let second = 0; second < 60; second++) {
      clock.advance(1_000);
      await new Promise((resolve) => setImmediate(resolve));
      expect(connection.isAlive).toBe(true);
    }
    expect(connection.state).toBe('open');
    await eventually(() => broker.frames.filter(({ kind }) => kind === 'heartbeat').length >= 5);

    end();
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(100);
    expect(socketOf(connection).isPaused()).toBe(false);
    await eventually(() => socketOf(connection).bytesRead > 30 * SIZE);
    const lost = eventOf<[Error]>(connection, 'disconnected');
    for (let second = 0; second < 25; second++) {
      clock.advance(1_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await lost)[0].message).toMatch(/two heartbeats are missing/);
  });

  it('K6 6.3 close() keeps its deadline', async () => {
    const { clock, connection } = await paused();
    const closed = connection.close({ timeout: 500 });
    for (let step = 0; step < 12; step++) {
      clock.advance(100);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await closed;
    expect(connection.state).toBe('closed');
  });
});
