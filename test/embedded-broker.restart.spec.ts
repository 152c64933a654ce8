import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EmbeddedBroker, type DropKind } from '../lib/broker/index.js';
import { connect, type Channel, type Connection } from '../lib/client/index.js';
import { errorOf, eventOf } from './client/support/client-harness.js';

describe('EmbeddedBroker.restart', () => {
  let broker: EmbeddedBroker;
  let connection: Connection;
  let channel: Channel;

  beforeEach(async () => {
    broker = await EmbeddedBroker.start();
    [connection, channel] = await open();
  });
  afterEach(() => broker.close());

  async function open(): Promise<[Connection, Channel]> {
    const opened = await connect(broker.url, { reconnect: false });
    return [opened, await opened.openChannel({ confirm: true, restore: false })];
  }

  async function restart(keep: 'durable' | 'nothing', how?: DropKind): Promise<void> {
    broker.restart(how === undefined ? { keep } : { keep, how });
    expect(broker.connections).toHaveLength(0);
    await connection.closed;
    [connection, channel] = await open();
  }

  const names = (): string[] => broker.queues.map(({ name }) => name).sort();

  async function drain(queue: string): Promise<{ text: string; redelivered: boolean }[]> {
    const all = [];
    for (let next; (next = await channel.basicGet(queue, { noAck: true }));) {
      all.push({ text: next.text(), redelivered: next.redelivered });
    }
    return all;
  }

  it('keeps durable queues with their persistent messages, in order', async () => {
    await channel.queueDeclare('durable');
    await channel.queueDeclare('transient', { durable: false });
    for (const [text, deliveryMode] of [
      ['a', 2],
      ['b', 1],
      ['c', 2],
    ] as const) {
      for (const queue of ['durable', 'transient']) await channel.publish('', queue, text, { deliveryMode });
    }
    await restart('durable');
    expect(broker.queues).toMatchObject([{ name: 'durable', messages: 2, unacknowledged: 0, consumers: 0 }]);
    expect(await drain('durable')).toEqual([
      { text: 'a', redelivered: false },
      { text: 'c', redelivered: false },
    ]);
  });

  it('a quorum queue keeps every message', async () => {
    await channel.queueDeclare('quorum', { arguments: { 'x-queue-type': 'quorum' } });
    await channel.publish('', 'quorum', 'x', { deliveryMode: 1 });
    await restart('durable');
    expect(await drain('quorum')).toHaveLength(1);
  });

  it('an unacknowledged message is ready again at its place, redelivered, and was not delivered in between', async () => {
    await channel.queueDeclare('q');
    for (const text of ['a', 'b', 'c']) await channel.publish('', 'q', text, { deliveryMode: 2 });
    // The second prefetch has room for the messages that the first consumer returns.
    for (const [index, prefetch] of [1, 10].entries()) {
      const [, other] = await open();
      await other.basicConsume('q', () => undefined, { prefetch });
      await broker.journal.next('delivered', ({ connection: id }) => id === index + 2);
    }
    const before = broker.journal.of('delivered').length;
    await restart('durable');
    expect(broker.journal.of('delivered')).toHaveLength(before);
    expect(await drain('q')).toEqual([
      { text: 'a', redelivered: true },
      { text: 'b', redelivered: true },
      { text: 'c', redelivered: true },
    ]);
  });

  it('exclusive queues, and consumed auto-delete ones, are deleted; nothing is dead-lettered', async () => {
    await channel.queueDeclare('dead');
    const deadLetters = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' };
    await channel.queueDeclare('exclusive', { exclusive: true, arguments: deadLetters });
    await channel.queueDeclare('consumed', { autoDelete: true, arguments: deadLetters });
    await channel.queueDeclare('q', { arguments: deadLetters });
    await channel.basicConsume('consumed', () => undefined);
    for (const queue of ['exclusive', 'consumed', 'q']) await channel.publish('', queue, 'x', { deliveryMode: 1 });
    await restart('durable');
    expect(names()).toEqual(['dead', 'q']);
    expect(broker.queues).toMatchObject([{ messages: 0 }, { messages: 0 }]);
    expect(broker.journal.of('died')).toEqual([]);
  });

  it('keeps durable exchanges, and the bindings between durable entities', async () => {
    await channel.exchangeDeclare('durable', 'topic');
    await channel.exchangeDeclare('transient', 'topic', { durable: false });
    await channel.queueDeclare('q');
    await channel.queueBind('q', 'durable', 'a');
    await channel.exchangeBind('durable', 'amq.topic', 'a');
    await channel.queueBind('q', 'transient', 'a');
    await restart('durable');
    await channel.publish('amq.topic', 'a', 'x', { mandatory: true });
    expect(await drain('q')).toHaveLength(1);
    expect(await errorOf(channel.exchangeDeclare('transient', 'topic', { passive: true }))).toMatchObject({
      replyCode: 404,
    });
  });

  it('nothing: keeps no entity; the broker has only its default exchanges', async () => {
    await channel.exchangeDeclare('durable', 'topic');
    await channel.queueDeclare('q');
    await channel.queueBind('q', 'amq.topic', 'a');
    await channel.exchangeBind('amq.topic', 'amq.direct', 'a');
    await restart('nothing');
    expect(names()).toEqual([]);
    await channel.queueDeclare('q');
    await channel.queueBind('q', 'amq.topic', 'b');
    await channel.publish('amq.direct', 'a', 'x');
    await channel.publish('amq.topic', 'a', 'x');
    expect(await drain('q')).toEqual([]);
    await channel.publish('amq.topic', 'b', 'x', { mandatory: true });
    expect(await drain('q')).toHaveLength(1);
    await channel.exchangeDeclare('durable', 'direct');
  });

  it.each<[DropKind, RegExp]>([
    ['close', /320 CONNECTION_FORCED/],
    ['end', /closed/],
    ['reset', /ECONNRESET/],
  ])('connections end as requested: %s', async (how, message) => {
    const lost = connection.closed;
    await restart('durable', how);
    expect((await lost)!.message).toMatch(message);
    expect(broker.journal.of('fault')).toMatchObject([{ fault: 'restart (keeps durable)', detail: '1 connections' }]);
  });

  it('a client that reconnects continues', async () => {
    const survivor = await connect(broker.url, { reconnect: { initialDelay: 1, maxDelay: 10 } });
    const publisher = await survivor.openChannel({ confirm: true });
    await publisher.queueDeclare('q');
    const back = eventOf(survivor, 'reconnected');
    broker.restart({ keep: 'durable' });
    await back;
    await publisher.publish('', 'q', 'after');
    expect(broker.queues).toMatchObject([{ name: 'q', messages: 1 }]);
    await survivor.close();
  });

  it('freed memory unblocks publishers', async () => {
    await using small = await EmbeddedBroker.start({ memoryLimit: 10_000 });
    const publisher = await (await connect(small.url, { reconnect: false })).openChannel({ confirm: true });
    await publisher.queueDeclare('q');
    await publisher.publish('', 'q', Buffer.alloc(20_000), { deliveryMode: 1 });
    small.restart({ keep: 'durable' });
    const next = await (await connect(small.url, { reconnect: false })).openChannel({ confirm: true });
    expect(await next.publish('', 'q', 'x')).toBe(1);
  });
});
