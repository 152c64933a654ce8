import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { EmbeddedBroker } from '../lib/broker/index.js';
import { connect, type Channel } from '../lib/client/index.js';
import { encodeProperties, Message } from '../lib/broker/queue/message.js';
import { FrameWriter } from '../lib/protocol/frame-writer.js';
import { PROTOCOL_HEADER } from '../lib/protocol/spec.js';
import { errorOf, eventually, Inbox } from './client/support/client-harness.js';
import { RawClient } from './conformance/support/raw-client.js';

/** A reproducible source of numbers from 0 to `limit` (mulberry32). */
function random(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

/** What a client says in a useful life, in frames. */
function life(): Buffer {
  const writer = new FrameWriter(() => undefined);
  writer.frameMax = 131_072;
  writer.raw(PROTOCOL_HEADER);
  writer.method(0, 'connection.startOk', {
    clientProperties: { product: 'fuzz', capabilities: { consumer_cancel_notify: true } },
    mechanism: 'PLAIN',
    response: Buffer.from('\0guest\0guest'),
    locale: 'en_US',
  });
  writer.method(0, 'connection.tuneOk', { channelMax: 100, frameMax: 131_072, heartbeat: 0 });
  writer.method(0, 'connection.open', { virtualHost: '/' });
  writer.method(1, 'channel.open', {});
  writer.method(1, 'confirm.select', { noWait: false });
  writer.method(1, 'exchange.declare', {
    exchange: 'fuzz.x',
    type: 'topic',
    passive: false,
    durable: false,
    autoDelete: true,
    internal: false,
    noWait: false,
    arguments: { 'alternate-exchange': 'amq.fanout' },
  });
  writer.method(1, 'queue.declare', {
    queue: 'fuzz.q',
    passive: false,
    durable: false,
    exclusive: true,
    autoDelete: true,
    noWait: false,
    arguments: { 'x-max-length': 10, 'x-message-ttl': 5, 'x-dead-letter-exchange': 'fuzz.x', nested: { a: [1, 'b'] } },
  });
  writer.method(1, 'queue.bind', {
    queue: 'fuzz.q',
    exchange: 'fuzz.x',
    routingKey: '#.a.*',
    noWait: false,
    arguments: {},
  });
  writer.method(1, 'basic.qos', { prefetchSize: 0, prefetchCount: 5, global: false });
  writer.method(1, 'basic.consume', {
    queue: 'fuzz.q',
    consumerTag: 'fuzz',
    noLocal: false,
    noAck: false,
    exclusive: false,
    noWait: false,
    arguments: { 'x-priority': 5 },
  });
  for (let number = 0; number < 5; number++) {
    const properties = { headers: { CC: ['x.a.b'], n: number }, expiration: '50', priority: 3, timestamp: new Date(0) };
    writer.content(
      1,
      'basic.publish',
      { exchange: 'fuzz.x', routingKey: 'k.a.b', mandatory: true, immediate: false },
      properties,
      Buffer.alloc(number * 100, number),
    );
    writer.ack(1, number + 1, false);
  }
  writer.method(1, 'basic.get', { queue: 'fuzz.q', noAck: false });
  writer.nack(1, 0, true, true);
  writer.method(1, 'queue.delete', { queue: 'fuzz.q', ifUnused: false, ifEmpty: false, noWait: false });
  return Buffer.concat(writer.take()!.chunks);
}

/** One to eight bytes, or runs of them, changed, dropped, doubled or made up. */
function mutate(original: Buffer, pick: (limit: number) => number): Buffer {
  let bytes = Buffer.from(original);
  for (let count = 1 + pick(8); count > 0; count--) {
    // The handshake's first bytes are left alone most of the time: behind them is more to break.
    const at = pick(10) === 0 ? pick(bytes.length) : Math.min(8 + pick(bytes.length), bytes.length - 1);
    const size = 1 + pick(16);
    const [before, run, after] = [bytes.subarray(0, at), bytes.subarray(at, at + size), bytes.subarray(at + size)];
    const made = Buffer.from(Array.from({ length: size }, () => pick(256)));
    if (pick(3) > 0) bytes[at] = [0, 1, 0x7f, 0x80, 0xff, 0xce, pick(256)][pick(7)]!;
    else
      bytes = Buffer.concat(
        [
          [before, after],
          [before, run, run, after],
          [before, made, after],
        ][pick(3)]!,
      );
  }
  return bytes.subarray(0, pick(4) === 0 ? pick(bytes.length + 1) : bytes.length);
}

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

  it('2,000 mutated byte streams: no crash, no internal error, nobody else notices', async () => {
    const original = life();
    const queue = 'healthy';
    await channel.queueDeclare(queue);
    const seed = Number(process.env['FUZZ_SEED'] ?? 20_261_124);
    const pick = random(seed);
    const feed = async (bytes: Buffer): Promise<void> => {
      const socket = createConnection({ port: broker.port, host: '127.0.0.1' });
      socket.on('error', () => undefined).resume();
      const closed = once(socket, 'close');
      await once(socket, 'connect');
      for (let at = 0; at < bytes.length;) {
        const size = 1 + pick(bytes.length);
        socket.write(bytes.subarray(at, (at += size)));
      }
      socket.end();
      await closed;
    };
    for (let round = 0; round < 100; round++) {
      await Promise.all(Array.from({ length: 20 }, () => feed(mutate(original, pick))));
      await channel.publish('', queue, `${round}`);
      const delivery = await channel.basicGet(queue, { noAck: true });
      expect(delivery!.text()).toBe(`${round}`);
    }
    expect(lines.filter((line) => line.includes('internal error'))).toEqual([]);
    // Nothing of them is left: their connections, and with these their exclusive queues.
    await eventually(() => broker.connections.length === 1);
    await eventually(() => broker.queues.every(({ name }) => name !== 'fuzz.q'));
  });

  it('the stream that is mutated does its work, unmutated', async () => {
    const client = await RawClient.dial(broker.url);
    client.raw(life());
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
