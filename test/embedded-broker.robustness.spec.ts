import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EmbeddedBroker } from '../lib/broker/index.js';
import {
  connect,
  EncodedField,
  type Channel,
  type Delivery,
  type FieldTable,
  type FieldValue,
} from '../lib/client/index.js';
import { encodeProperties, Message } from '../lib/broker/queue/message.js';
import { errorOf } from './client/support/client-harness.js';
import { Inbox } from './support/inbox.js';
import { RawClient } from './conformance/support/raw-client.js';
import { brokerTarget } from './fuzz/broker-target.js';
import { clientSession } from './fuzz/client-session.js';
import { fuzz } from './fuzz/fuzz.js';
import type { MethodName } from '../lib/protocol/types.js';

describe('EmbeddedBroker: robustness against clients', () => {
  let broker: EmbeddedBroker;
  let channel: Channel;
  const lines: string[] = [];

  beforeEach(async () => {
    lines.length = 0;
    broker = await EmbeddedBroker.start({ log: (line) => lines.push(line) });
    channel = await (await connect(broker.url, { reconnect: false })).openChannel({ confirm: true, restore: false });
  });
  afterEach(() => broker.close());

  it('mutated byte streams: no crash, no internal error, no effect on other clients, bounded memory', async () => {
    const target = brokerTarget();
    try {
      const seed = Number(process.env['FUZZ_SEED'] ?? 20_261_124);
      const { failure, executions } = await fuzz(target, { seconds: Infinity, executions: 200, seed, warmUp: 1 });
      expect(failure).toBeUndefined();
      expect(executions).toBe(200);
    } finally {
      await target.close();
    }
  });

  it('the unmutated stream is valid', async () => {
    const client = await RawClient.dial(broker.url);
    client.raw(clientSession());
    const names: string[] = [];
    while (!(names.includes('queue.deleteOk') && names.includes('basic.ack')))
      names.push((await client.next()).method.name);
    expect(names).toEqual(
      expect.arrayContaining([
        'connection.start',
        'connection.tune',
        'connection.openOk',
        'channel.openOk',
        'confirm.selectOk',
        'exchange.declareOk',
        'queue.declareOk',
        'queue.bindOk',
        'basic.qosOk',
        'basic.consumeOk',
        'basic.deliver',
        'queue.deleteOk',
      ]),
    );
    client.destroy();
  });

  it('a message whose header exceeds a consumer’s frames ends only that connection', async () => {
    const queue = 'headers';
    await channel.queueDeclare(queue);
    const narrow = await RawClient.open(broker.url, { tuneOk: { frameMax: 4096 } });
    await narrow.openChannel();
    narrow.send(1, 'basic.consume', { queue, consumerTag: 'narrow' });
    await narrow.expect('basic.consumeOk');
    expect(await channel.publish('', queue, 'x', { headers: { large: 'x'.repeat(10_000) } })).toBe(1);
    expect(await narrow.refusal()).toMatch(/^connection 501 by basic.deliver: FRAME_ERROR/);
    // The message was requeued for a consumer that can receive it.
    const wide = new Inbox<number>();
    await channel.basicConsume(queue, (delivery) => wide.add(delivery.body.length));
    expect(await wide.next()).toBe(1);
    narrow.destroy();
  });

  it.each<[string, (client: RawClient, queue: string) => void, MethodName]>([
    ['consumer', (client, queue) => client.send(1, 'basic.consume', { queue, consumerTag: 'c' }), 'basic.deliver'],
    [
      'basic.get',
      (client, queue) => {
        for (let count = 0; count < 3; count++) client.send(1, 'basic.get', { queue });
      },
      'basic.getOk',
    ],
  ])(
    'a message too large for a connection’s frames uses no delivery tag, and no frame follows it: %s',
    async (_, take, name) => {
      const queue = 'gap';
      await channel.queueDeclare(queue);
      for (const size of [1, 10_000, 1])
        await channel.publish('', queue, 'x', { headers: { large: 'x'.repeat(size) } });
      const narrow = await RawClient.open(broker.url, { tuneOk: { frameMax: 4096 } });
      await narrow.openChannel();
      take(narrow, queue);
      const came: MethodName[] = [];
      while (came.at(-1) !== 'connection.close') came.push((await narrow.next()).method.name);
      expect(came.filter((method) => method === name)).toHaveLength(1);
      expect(broker.journal.of('delivered').map(({ deliveryTag }) => deliveryTag)).toEqual([1]);
      // All messages are at their places; only the delivered one is marked as redelivered.
      const all = [];
      for (let next; (next = await channel.basicGet(queue, { noAck: true }));) all.push(next);
      expect(all.map((delivery) => String(delivery.properties.headers!['large']).length)).toEqual([1, 10_000, 1]);
      expect(all.map(({ redelivered }) => redelivered)).toEqual([true, false, false]);
      narrow.destroy();
    },
  );

  it('frames of a channel do not follow connection.close', async () => {
    const queue = 'limited';
    await channel.queueDeclare(queue);
    const narrow = await RawClient.open(broker.url, { tuneOk: { frameMax: 4096 } });
    await narrow.openChannel();
    narrow.send(1, 'basic.qos', { prefetchCount: 1, global: true });
    await narrow.expect('basic.qosOk');
    narrow.send(1, 'basic.consume', { queue, consumerTag: 'c' });
    await narrow.expect('basic.consumeOk');
    await channel.publish('', queue, 'x');
    await narrow.expect('basic.deliver');
    await channel.publish('', queue, 'x', { headers: { large: 'x'.repeat(10_000) } });
    narrow.send(1, 'basic.qos', { prefetchCount: 2, global: true });
    await narrow.expect('connection.close');
    narrow.send(0, 'connection.closeOk');
    await expect(narrow.next()).rejects.toThrow('closed the socket');
  });

  describe('a forged x-death', () => {
    const expired = (queue: string, count: FieldValue): FieldTable => ({ queue, reason: 'expired', count });

    it.each<[string, FieldValue, number]>([
      ['a count that is a text', [expired('mortal', 'two')], 1],
      ['a count that is a fraction', [expired('mortal', 1.5)], 1],
      ['a count that is infinite', [expired('mortal', encoded('d', [0x7f, 0xf0, 0, 0, 0, 0, 0, 0]))], 1],
      ['a count that is a table', [expired('mortal', { a: 1 })], 1],
      ['a list of texts', ['a', 'b'], 1],
      ['a list of lists', [[1], [[2]]], 1],
      ['a list of nothing', [null, null], 1],
      ['a list of which one is a death', ['a', expired('mortal', 4)], 5],
    ])('%s: the message is still dead-lettered', async (_, forged, count) => {
      await mortal();
      await channel.publish('', 'mortal', 'x', { headers: { 'x-death': forged } });
      broker.advance(1_000);
      expect((await deaths())[0]).toMatchObject({ queue: 'mortal', reason: 'expired', count });
      // The next message likewise.
      await channel.publish('', 'mortal', 'y');
      broker.advance(1_000);
      expect((await deaths())[0]).toMatchObject({ count: 1 });
      expect(lines.filter((line) => line.includes('internal error'))).toEqual([]);
    });

    it('the largest count does not overflow', async () => {
      await mortal();
      const largest = 2n ** 63n - 1n;
      await channel.publish('', 'mortal', 'x', { headers: { 'x-death': [expired('mortal', largest)] } });
      broker.advance(1_000);
      expect((await deaths())[0]).toMatchObject({ count: largest });
    });

    it('values without a JavaScript equivalent are passed on unchanged', async () => {
      await mortal();
      const notANumber = encoded('f', [0x7f, 0xc0, 0, 0]);
      const other = { queue: 'other', reason: 'maxlen', odd: notANumber };
      await channel.publish('', 'mortal', 'x', { headers: { 'x-death': [other] } });
      broker.advance(1_000);
      expect((await deaths())[1]).toMatchObject({ queue: 'other', odd: NaN });
    });

    function encoded(letter: string, bytes: readonly number[]): EncodedField {
      return new EncodedField(Uint8Array.of(letter.charCodeAt(0), ...bytes));
    }

    async function mortal(): Promise<void> {
      await channel.queueDeclare('grave');
      const dead = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'grave' };
      await channel.queueDeclare('mortal', { arguments: { ...dead, 'x-message-ttl': 1_000 } });
    }

    async function deaths(): Promise<FieldTable[]> {
      const letter = await channel.basicGet('grave', { noAck: true });
      return letter!.properties.headers!['x-death'] as FieldTable[];
    }
  });

  it('a routing key that is not UTF-8 is an error of its sender', async () => {
    await channel.queueDeclare('q');
    await channel.queueBind('q', 'amq.fanout');
    const wide = new Inbox<string>();
    await channel.basicConsume('q', (delivery) => wide.add(delivery.text()), { noAck: true });
    const client = await RawClient.open(broker.url);
    await client.openChannel();
    const exchange = Buffer.from('amq.fanout');
    const key = Buffer.alloc(255, 0xff);
    client.frame(
      1,
      1,
      Buffer.concat([Buffer.from([0, 60, 0, 40, 0, 0, exchange.length]), exchange, Buffer.of(255), key, Buffer.of(0)]),
    );
    client.frame(2, 1, Buffer.concat([Buffer.from([0, 60, 0, 0]), Buffer.alloc(10)]));
    expect(await client.refusal()).toBe('connection 502 by basic.publish: SYNTAX_ERROR - routingKey is not UTF-8');
    await channel.publish('amq.fanout', 'k', 'unharmed');
    expect(await wide.next()).toBe('unharmed');
    client.destroy();
  });

  it('a consumer that does not read receives no more than its socket holds', async () => {
    const queue = 'flood';
    await channel.queueDeclare(queue);
    const slow = await RawClient.open(broker.url);
    await slow.openChannel();
    slow.send(1, 'basic.consume', { queue, consumerTag: 'slow', noAck: true });
    await slow.expect('basic.consumeOk');
    slow.pause();
    const body = Buffer.alloc(64 * 1024);
    const total = 1_000;
    await Promise.all(Array.from({ length: total }, () => channel.publish('', queue, body)));
    // Of 64 MB the kernel's buffers take a few, and the broker one.
    const left = broker.queues.find(({ name }) => name === queue)!.messages;
    expect(left).toBeGreaterThan(total / 2);
    slow.resume();
    for (let count = 0; count < total; count++) await slow.expect('basic.deliver');
    expect(broker.queues.find(({ name }) => name === queue)!.messages).toBe(0);
    slow.destroy();
  });

  it('the broker stops reading from a publisher that does not read its returns', async () => {
    const flood = await RawClient.open(broker.url);
    await flood.openChannel();
    flood.pause();
    const total = 600;
    for (let count = 0; count < total; count++) {
      flood.publish(1, { routingKey: 'nobody', mandatory: true }, {}, Buffer.alloc(64 * 1024));
    }
    // Another client is served in the meantime, while most of the messages are still with the broker.
    for (let count = 0; count < 200; count++) await channel.publish('', 'nobody', 'x');
    expect(broker.journal.of('published', ({ mandatory }) => mandatory).length).toBeLessThan(total / 2);
    flood.resume();
    for (let count = 0; count < total; count++) await flood.expect('basic.return');
    flood.destroy();
  });

  it('a full memory blocks publishers until consumers have made room', async () => {
    await using small = await EmbeddedBroker.start({ memoryLimit: 100_000 });
    const connection = await connect(small.url, { reconnect: false });
    const publisher = await connection.openChannel({ confirm: true });
    const consumer = await (await connect(small.url, { reconnect: false })).openChannel();
    await consumer.queueDeclare('q');
    const blocked = new Promise((resolve) => connection.once('blocked', resolve));
    const publishes = Array.from({ length: 20 }, () => publisher.publish('', 'q', Buffer.alloc(10_000)));
    await blocked;
    expect(small.queues[0]!.messages).toBeLessThan(20);
    await consumer.basicConsume('q', (delivery) => delivery.ack());
    await Promise.all(publishes);
  });

  it('unacknowledged deliveries count for the memory until they are settled', async () => {
    await using small = await EmbeddedBroker.start({ memoryLimit: 100_000 });
    const connection = await connect(small.url, { reconnect: false });
    const publisher = await connection.openChannel({ confirm: true });
    const consumer = await (await connect(small.url, { reconnect: false })).openChannel();
    await consumer.queueDeclare('q');
    const held = new Inbox<Delivery>();
    await consumer.basicConsume('q', held.add);
    const blocked = new Promise((resolve) => connection.once('blocked', resolve));
    const publishes = Array.from({ length: 20 }, () => publisher.publish('', 'q', Buffer.alloc(10_000)));
    await blocked;
    const [queue] = small.queues;
    expect(queue!.unacknowledged).toBeLessThan(20);
    expect(queue!.unacknowledged).toBeGreaterThan(0);
    const unblocked = new Promise<void>((resolve) => connection.once('unblocked', resolve));
    for (let count = 0; count < 20; count++) (await held.next()).ack();
    await Promise.all([...publishes, unblocked]);
  });

  it.each<[string, (channel: Channel) => Promise<unknown>]>([
    ['acknowledged', async (consumer) => (await consumer.basicGet('q'))!.ack()],
    ['rejected', async (consumer) => (await consumer.basicGet('q'))!.reject({ requeue: false })],
    ['fetched without acknowledgement', (consumer) => consumer.basicGet('q', { noAck: true })],
    ['purged', (consumer) => consumer.queuePurge('q')],
    ['deleted with its queue', (consumer) => consumer.queueDelete('q')],
    [
      'delivered, and its queue deleted',
      async (consumer) => {
        await consumer.basicGet('q');
        await consumer.queueDelete('q');
        await consumer.close();
      },
    ],
    [
      'requeued, and purged',
      async (consumer) => {
        (await consumer.basicGet('q'))!.nack({ requeue: true });
        await consumer.basicQos(0);
        await consumer.queuePurge('q');
      },
    ],
  ])('memory is free again for a message that is %s', async (_, settle) => {
    await using small = await EmbeddedBroker.start({ memoryLimit: 10_000 });
    const connection = await connect(small.url, { reconnect: false });
    const publisher = await connection.openChannel({ confirm: true });
    const consumer = await (await connect(small.url, { reconnect: false })).openChannel();
    await consumer.queueDeclare('q');
    const blocked = new Promise((resolve) => connection.once('blocked', resolve));
    await publisher.publish('', 'q', Buffer.alloc(20_000));
    await blocked;
    const unblocked = new Promise<void>((resolve) => connection.once('unblocked', resolve));
    await settle(consumer);
    await unblocked;
  });

  it('uncommitted messages count for the memory, too', async () => {
    await using small = await EmbeddedBroker.start({ memoryLimit: 10_000 });
    const connection = await connect(small.url, { reconnect: false });
    const client = await RawClient.open(small.url);
    await client.openChannel();
    client.send(1, 'tx.select');
    await client.expect('tx.selectOk');
    const blocked = new Promise((resolve) => connection.once('blocked', resolve));
    client.publish(1, { routingKey: 'nowhere' }, {}, Buffer.alloc(20_000));
    await blocked;
    const unblocked = new Promise<void>((resolve) => connection.once('unblocked', resolve));
    client.destroy();
    await unblocked;
  });

  it('a message over the limit is refused unbuffered, and its sender notified', async () => {
    await using small = await EmbeddedBroker.start({ maxMessageSize: 1_000 });
    const publisher = await (
      await connect(small.url, { reconnect: false })
    ).openChannel({ confirm: true, restore: false });
    const error = await errorOf(publisher.publish('', 'q', Buffer.alloc(1_001)));
    expect(error).toMatchObject({ replyCode: 406, replyText: expect.stringContaining('message size 1001 is larger') });
  });

  it('a message in memory is its properties and body, shared by all its queues', () => {
    const message = new Message('', ['k'], encodeProperties({ deliveryMode: 2 }), Buffer.from('x'));
    expect(message.size).toBe(2 + 1 + 1);
  });
});
