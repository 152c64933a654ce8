import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EmbeddedBroker } from '../lib/broker/index.js';
import { connect, type Channel } from '../lib/client/index.js';
import { encodeProperties, Message } from '../lib/broker/queue/message.js';
import { errorOf, Inbox } from './client/support/client-harness.js';
import { RawClient } from './conformance/support/raw-client.js';
import { brokerTarget } from './fuzz/broker-target.js';
import { clientSession } from './fuzz/client-session.js';
import { fuzz } from './fuzz/fuzz.js';

describe('EmbeddedBroker: whatever clients do', () => {
  let broker: EmbeddedBroker;
  let channel: Channel;
  const lines: string[] = [];

  beforeEach(async () => {
    lines.length = 0;
    broker = await EmbeddedBroker.start({ log: (line) => lines.push(line) });
    channel = await (await connect(broker.url, { reconnect: false })).openChannel({ confirm: true, restore: false });
  });
  afterEach(() => broker.close());

  it('mutated byte streams: no crash, no internal error, nobody else notices, bounded memory', async () => {
    const target = brokerTarget();
    try {
      const seed = Number(process.env['FUZZ_SEED'] ?? 20_261_124);
      const { failure, executions } = await fuzz(target, { seconds: 5, seed, warmUp: 1 });
      expect(failure).toBeUndefined();
      expect(executions).toBeGreaterThan(100);
    } finally {
      await target.close();
    }
  });

  it('the stream that is mutated does its work, unmutated', async () => {
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

  it('a message that one consumer’s frames cannot hold ends that connection, and no other', async () => {
    const queue = 'headers';
    await channel.queueDeclare(queue);
    const narrow = await RawClient.open(broker.url, { tuneOk: { frameMax: 4096 } });
    await narrow.openChannel();
    narrow.send(1, 'basic.consume', { queue, consumerTag: 'narrow' });
    await narrow.expect('basic.consumeOk');
    expect(await channel.publish('', queue, 'x', { headers: { large: 'x'.repeat(10_000) } })).toBe(1);
    expect(await narrow.refusal()).toMatch(/^connection 501 by basic.deliver: FRAME_ERROR/);
    // It went back to the queue, for somebody who can take it.
    const wide = new Inbox<number>();
    await channel.basicConsume(queue, (delivery) => wide.add(delivery.body.length));
    expect(await wide.next()).toBe(1);
    narrow.destroy();
  });

  it('a routing key that is no UTF-8 is its sender’s error', async () => {
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

  it('a consumer that does not read is given no more than its socket holds', async () => {
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
    // 64 MB, of which the kernel's buffers take a few, and the broker one.
    const left = broker.queues.find(({ name }) => name === queue)!.messages;
    expect(left).toBeGreaterThan(total / 2);
    slow.resume();
    for (let count = 0; count < total; count++) await slow.expect('basic.deliver');
    expect(broker.queues.find(({ name }) => name === queue)!.messages).toBe(0);
    slow.destroy();
  });

  it('a publisher that does not read its returns is not read from', async () => {
    const flood = await RawClient.open(broker.url);
    await flood.openChannel();
    flood.pause();
    const total = 600;
    for (let count = 0; count < total; count++) {
      flood.publish(1, { routingKey: 'nobody', mandatory: true }, {}, Buffer.alloc(64 * 1024));
    }
    // Its neighbour is served meanwhile; and it still has most of it in its hands.
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

  it('a message over the limit is refused, unbuffered, and its sender told', async () => {
    await using small = await EmbeddedBroker.start({ maxMessageSize: 1_000 });
    const publisher = await (
      await connect(small.url, { reconnect: false })
    ).openChannel({ confirm: true, restore: false });
    const error = await errorOf(publisher.publish('', 'q', Buffer.alloc(1_001)));
    expect(error).toMatchObject({ replyCode: 406, replyText: expect.stringContaining('message size 1001 is larger') });
  });

  it('a message is small in memory: properties and body, shared by all its queues', () => {
    const message = new Message('', ['k'], encodeProperties({ deliveryMode: 2 }), Buffer.from('x'));
    expect(message.size).toBe(2 + 1 + 1);
  });
});
