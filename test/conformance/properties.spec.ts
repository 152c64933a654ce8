import { describe, expect, it } from '@jest/globals';
import { Decimal, typed, type Delivery, type FieldValue, type MessageProperties } from '../../lib/client/index.js';
import { eventually, useLab, type Lab } from './support/lab.js';

const exact = { small: typed('int8', 5), large: typed('int64', 5), fraction: typed('float', 0.5) };

describe('messages arrive as they were sent', () => {
  const lab = useLab();

  it.each<[string, MessageProperties]>([
    ['none', {}],
    ['contentType', { contentType: 'application/json' }],
    ['contentEncoding', { contentEncoding: 'gzip' }],
    ['deliveryMode', { deliveryMode: 2 }],
    ['priority', { priority: 200 }],
    ['correlationId', { correlationId: 'ä€🐇' }],
    ['replyTo', { replyTo: 'somewhere' }],
    ['expiration', { expiration: '100000' }],
    ['messageId', { messageId: 'm'.repeat(255) }],
    ['timestamp', { timestamp: new Date(1_700_000_000_000) }],
    ['type', { type: 't' }],
    ['appId', { appId: 'a' }],
    ['empty strings', { contentType: '', messageId: '', type: '' }],
    ['empty headers', { headers: {} }],
    [
      'all of them',
      {
        contentType: 'c',
        contentEncoding: 'e',
        headers: { h: 1 },
        deliveryMode: 1,
        priority: 0,
        correlationId: 'i',
        replyTo: 'r',
        messageId: 'm',
        timestamp: new Date(0),
        type: 't',
        appId: 'a',
      },
    ],
  ])('properties: %s', async (_, properties) => {
    const channel = await lab.channel({ confirm: true });
    const queue = await lab.queue(channel);
    await channel.publish('', queue, 'x', properties);
    expect((await channel.basicGet(queue, { noAck: true }))!.properties).toEqual(properties);
  });

  it.each<[string, FieldValue, FieldValue]>([
    ['string', 'ä', 'ä'],
    ['empty string', '', ''],
    ['true', true, true],
    ['int8', typed('int8', -5), -5],
    ['int16', typed('int16', -500), -500],
    ['int32', typed('int32', -70_000), -70_000],
    ['int64', typed('int64', 2n ** 60n), 2n ** 60n],
    ['double', typed('double', 0.1), 0.1],
    ['float', typed('float', 0.5), 0.5],
    ['decimal', new Decimal(2, 314), new Decimal(2, 314)],
    ['negative decimal', new Decimal(1, -34), new Decimal(1, -34)],
    ['timestamp', new Date(1_700_000_000_000), new Date(1_700_000_000_000)],
    ['null', null, null],
    ['bytes', Buffer.from([0, 1, 255]), Buffer.from([0, 1, 255])],
    ['table', { a: { b: { c: 1 } } }, { a: { b: { c: 1 } } }],
    ['array', [1, 'x', [true, null], { a: 1 }], [1, 'x', [true, null], { a: 1 }]],
    ['a long string', 'x'.repeat(70_000), 'x'.repeat(70_000)],
  ])('header: %s', async (_, sent, seen) => {
    const channel = await lab.channel({ confirm: true });
    const queue = await lab.queue(channel);
    await channel.publish('', queue, 'x', { headers: { value: sent } });
    expect((await channel.basicGet(queue, { noAck: true }))!.properties.headers).toEqual({ value: seen });
  });

  it.each([0, 1, 4087, 131_064, 131_065, 262_128, 1_000_000])('a body of %d bytes', async (size) => {
    const channel = await lab.channel({ confirm: true });
    const queue = await lab.queue(channel);
    const body = Buffer.alloc(size, 'the quick brown fox ');
    await channel.publish('', queue, body);
    const delivery = await channel.basicGet(queue, { noAck: true });
    expect(delivery!.body.equals(body)).toBe(true);
  });

  it.each<[string, (lab: Lab) => Promise<Delivery>]>([
    [
      'a dead letter',
      async (lab) => {
        const channel = await lab.channel({ confirm: true });
        const grave = await lab.queue(channel);
        const args = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': grave, 'x-max-length': 0 };
        await channel.publish('', await lab.queue(channel, { arguments: args }), 'x', { headers: exact });
        return eventually(() => channel.basicGet(grave));
      },
    ],
    [
      'a message with BCC and a direct reply-to',
      async (lab) => {
        const channel = await lab.channel({ confirm: true });
        const queue = await lab.queue(channel);
        await channel.basicConsume('amq.rabbitmq.reply-to', () => undefined, { noAck: true });
        const headers = { ...exact, BCC: ['nobody'] };
        await channel.publish('', queue, 'x', { headers, replyTo: 'amq.rabbitmq.reply-to' });
        const delivery = (await channel.basicGet(queue))!;
        expect(delivery.properties.replyTo).toMatch(/^amq\.rabbitmq\.reply-to\../);
        expect(delivery.properties.headers).not.toHaveProperty('BCC');
        return delivery;
      },
    ],
    [
      'a redelivery of a quorum queue',
      async (lab) => {
        const [publisher, channel] = await lab.channels();
        const queue = await lab.queue(publisher, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
        await publisher.publish('', queue, 'x', { headers: exact });
        const inbox = await lab.consume(channel, queue);
        (await inbox.next()).nack();
        return inbox.next();
      },
    ],
  ])('%s keeps the types of its headers', async (_, act) => {
    const { encodedHeaders } = await act(lab);
    expect(Object.fromEntries(Object.keys(exact).map((name) => [name, encodedHeaders[name]!.bytes[0]]))).toEqual({
      small: 'b'.charCodeAt(0),
      large: 'l'.charCodeAt(0),
      fraction: 'f'.charCodeAt(0),
    });
  });

  it('a large body between small ones, to a consumer', async () => {
    const [publisher, channel] = await lab.channels();
    const queue = await lab.queue(publisher);
    const inbox = await lab.consume(channel, queue, { noAck: true });
    const sizes = [3, 0, 500_000, 0, 7];
    await Promise.all(sizes.map((size) => publisher.publish('', queue, Buffer.alloc(size))));
    expect((await inbox.take(sizes.length)).map(({ body }) => body.length)).toEqual(sizes);
  });

  it('routing keys of every kind', async () => {
    const channel = await lab.channel({ confirm: true });
    const [exchange, queue] = [await lab.exchange(channel, 'fanout'), await lab.queue(channel)];
    await channel.queueBind(queue, exchange);
    const keys = ['', ' ', 'a.b', 'ä€🐇', 'k'.repeat(255), '\u0000'];
    for (const key of keys) await channel.publish(exchange, key, 'x');
    for (const key of keys) expect((await channel.basicGet(queue, { noAck: true }))!.routingKey).toBe(key);
  });

  it('names of every kind', async () => {
    const channel = await lab.channel({ confirm: true });
    for (const suffix of [' with spaces ', '/%2f', 'ä€🐇', 'x'.repeat(200)]) {
      const name = `${lab.name()}${suffix}`;
      const { queue } = await channel.queueDeclare(name, { exclusive: true });
      await channel.publish('', queue, 'x', { mandatory: true });
      expect(await channel.queueDelete(name)).toBe(1);
    }
  });
});
