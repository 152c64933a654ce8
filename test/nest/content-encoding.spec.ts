import { Buffer } from 'node:buffer';
import * as zlib from 'node:zlib';
import { Injectable } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import {
  AmqpBatchConsumer,
  AmqpConsumer,
  AmqpConsumerRegistry,
  AmqpRpc,
  classicQueue,
  ConfigurationError,
  Ctx,
  ParkingLot,
  Payload,
  type AmqpBatchItem,
  type AmqpContext,
  type AmqpModuleOptions,
  type Compress,
  type ConsumerFailure,
  type ContentEncoding,
} from 'nest-amqp';
import { Inbox } from '../support/inbox.js';
import { publisherOf, useNest } from './support/nest-harness.js';

const ENCODINGS: readonly ContentEncoding[] = [
  'gzip',
  'deflate',
  'br',
  ...('zstdCompressSync' in zlib ? (['zstd'] as const) : []),
];
const ORDER = { id: 7, lines: Array.from({ length: 200 }, (_, line) => ({ line, item: 'lamp' })) };
const MB = 1_048_576;

interface Arrived {
  readonly payload: unknown;
  readonly encoding: string | undefined;
  readonly size: number;
}

describe('content encodings', () => {
  const nest = useNest();

  async function start(amqp: Partial<AmqpModuleOptions> = {}) {
    const queue = nest.name('orders');
    const inbox = new Inbox<Arrived>();

    @Injectable()
    class Billing {
      @AmqpConsumer(queue)
      onOrder(@Payload() payload: unknown, @Ctx() context: AmqpContext): void {
        const { body, properties } = context.delivery;
        inbox.add({ payload, encoding: properties.contentEncoding, size: body.length });
      }
    }

    nest.sweep(`${queue}.parked`);
    const app = await nest.start({ providers: [Billing] }, { topology: { queues: [classicQueue(queue)] }, ...amqp });
    const failures = new Inbox<ConsumerFailure>();
    app.get(AmqpConsumerRegistry).failures$.subscribe(failures.add);
    return { app, queue, inbox, failures, publisher: publisherOf(app) };
  }

  it.each(ENCODINGS)('sends and receives %s', async (encoding) => {
    const { queue, inbox, publisher } = await start();
    await publisher.sendToQueue(queue, ORDER, { compress: encoding });
    const arrived = await inbox.next();
    expect(arrived).toEqual({ payload: ORDER, encoding, size: expect.any(Number) });
    expect(arrived.size).toBeLessThan(JSON.stringify(ORDER).length / 4);
    await publisher.sendToQueue(queue, 'small', { contentEncoding: encoding });
    expect(await inbox.next()).toMatchObject({ payload: 'small', encoding });
    await publisher.sendToQueue(queue, Buffer.alloc(5_000), { compress: encoding });
    expect(await inbox.next()).toMatchObject({ payload: Buffer.alloc(5_000), encoding });
  });

  it('compresses from a size on for a whole module, unless a publish says otherwise; the order stays', async () => {
    const { queue, inbox, publisher } = await start({
      prefetch: 1,
      publishing: { compress: { encoding: 'gzip', from: '2KB' } },
    });
    const sent = [ORDER, 'small', 'x'.repeat(2_047), 'x'.repeat(2_048)];
    await Promise.all([
      ...sent.map((payload) => publisher.sendToQueue(queue, payload)),
      publisher.sendToQueue(queue, ORDER, { compress: false }),
      publisher.sendToQueue(queue, ORDER, { compress: 'br' }),
    ]);
    const arrived = await inbox.take(6);
    expect(arrived.map(({ payload }) => payload)).toEqual([...sent, ORDER, ORDER]);
    expect(arrived.map(({ encoding }) => encoding)).toEqual(['gzip', undefined, undefined, 'gzip', undefined, 'br']);
  });

  it('receives what other clients have compressed, and charsets that they send as the encoding', async () => {
    const { queue, inbox } = await start();
    const json = { contentType: 'application/json' };
    await nest.channel.publish('', queue, zlib.gzipSync('{"a":1}'), { ...json, contentEncoding: 'GZIP' });
    await nest.channel.publish('', queue, zlib.deflateRawSync('{"a":2}'), { ...json, contentEncoding: 'deflate' });
    await nest.channel.publish('', queue, '{"a":3}', { ...json, contentEncoding: 'utf-8' });
    const payloads = (await inbox.take(3)).map(({ payload }) => payload);
    expect(payloads).toEqual(expect.arrayContaining([{ a: 1 }, { a: 2 }, { a: 3 }]));
  });

  it('compresses requests; handlers of requests and of batches get what was sent', async () => {
    const prices = nest.name('prices');
    const readings = nest.name('readings');
    const batches = new Inbox<unknown[]>();

    @Injectable()
    class Handlers {
      @AmqpRpc(prices)
      price(@Payload() payload: unknown, @Ctx() context: AmqpContext): unknown {
        return [context.properties.contentEncoding, payload];
      }

      @AmqpBatchConsumer(readings, { size: 2 })
      onReadings(items: readonly AmqpBatchItem[]): void {
        batches.add(items.map(({ payload }) => payload));
      }
    }

    const topology = { queues: [classicQueue(prices), classicQueue(readings)] };
    const publisher = publisherOf(
      await nest.start({ providers: [Handlers] }, { topology, publishing: { compress: 'gzip' } }),
    );
    expect(await publisher.request('', prices, ORDER)).toEqual(['gzip', ORDER]);
    await publisher.sendToQueue(readings, ORDER);
    await publisher.sendToQueue(readings, 'small');
    expect((await batches.next()).toSorted()).toEqual([ORDER, 'small'].toSorted());
  });

  it('decodes a compressed reply', async () => {
    const queue = nest.name('prices');
    await nest.channel.queueDeclare(queue);
    await nest.channel.basicConsume(
      queue,
      async ({ properties: { replyTo, correlationId } }) => {
        const reply = { correlationId, contentType: 'application/json', contentEncoding: 'gzip' };
        await nest.channel.publish('', replyTo!, zlib.gzipSync('{"cents":1}'), reply);
      },
      { noAck: true },
    );
    const publisher = publisherOf(await nest.start({}));
    expect(await publisher.request('', queue, 1)).toEqual({ cents: 1 });
  });

  it.each<[string, string, Buffer, RegExp]>([
    ['a bomb', 'gzip', zlib.gzipSync(Buffer.alloc(64 * MB)), /'gzip' exceed the limit of 1048576 decoded bytes/],
    [
      'a bomb of brotli',
      'br',
      zlib.brotliCompressSync(Buffer.alloc(64 * MB), { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 } }),
      /'br' exceed the limit/,
    ],
    ['no gzip', 'gzip', Buffer.from('{"card":"4111"}'), /its 15 bytes are not valid 'gzip', its content encoding/],
    ['gzip that ends too early', 'gzip', zlib.gzipSync('{"card":"4111"}').subarray(0, 20), /are not valid 'gzip'/],
    [
      'gzip that is no JSON',
      'gzip',
      zlib.gzipSync('{"card'),
      /its 6 bytes are not valid 'application\/json' with content encoding 'gzip'/,
    ],
    [
      'an unknown encoding',
      'lz4',
      Buffer.from('{"card":"4111"}'),
      /its content encoding 'lz4' is not known; known are gzip, deflate, br/,
    ],
    ['two encodings', 'gzip, gzip', zlib.gzipSync(zlib.gzipSync('{}')), /'gzip, gzip' is not known/],
  ])('parks %s at once, unchanged and with the reason', async (_, contentEncoding, body, reason) => {
    const { app, queue, inbox, failures, publisher } = await start({ connection: { maxMessageSize: MB } });
    await nest.channel.publish('', queue, body, { contentType: 'application/json', contentEncoding });
    const failure = await failures.next();
    expect(failure).toMatchObject({ decision: 'park', attempt: 1, reason: expect.stringMatching(reason) });
    expect(failure.reason).not.toContain('4111');
    const [parked] = await app.get(ParkingLot).list(queue);
    expect(parked).toMatchObject({ payload: undefined, properties: { contentEncoding } });
    expect(parked!.body.equals(body)).toBe(true);
    expect(parked!.lastFailure?.message).toMatch(reason);
    // The consumer goes on.
    await publisher.sendToQueue(queue, 'next', { contentEncoding: 'gzip' });
    expect(await inbox.next()).toMatchObject({ payload: 'next' });
  });

  it('shows the payload of a parked message, and sends it back as it was', async () => {
    const queue = nest.name('orders');
    nest.sweep(`${queue}.parked`);
    const inbox = new Inbox<unknown>();
    let broken = true;

    @Injectable()
    class Billing {
      @AmqpConsumer(queue, { retry: false })
      onOrder(@Payload() payload: unknown): void {
        if (broken) throw new Error('no');
        inbox.add(payload);
      }
    }

    const app = await nest.start({ providers: [Billing] }, { topology: { queues: [classicQueue(queue)] } });
    const failures = new Inbox<ConsumerFailure>();
    app.get(AmqpConsumerRegistry).failures$.subscribe(failures.add);
    await publisherOf(app).sendToQueue(queue, ORDER, { compress: 'gzip' });
    await failures.next();
    const parking = app.get(ParkingLot);
    expect(await parking.list(queue)).toMatchObject([{ payload: ORDER, properties: { contentEncoding: 'gzip' } }]);
    broken = false;
    await parking.redrive(queue);
    expect(await inbox.next()).toEqual(ORDER);
  });

  it.each<[unknown, RegExp]>([
    ['lzma', /^AmqpModule\.forRoot\(\): publishing: compress: encoding must be 'gzip' or/],
    [
      { encoding: 'gzip', from: '1 KB' },
      /^AmqpModule\.forRoot\(\): publishing: compress: from must be a number of bytes/,
    ],
  ])('refuses %p at the start, and in a publish', async (wrong, message) => {
    const compress = wrong as Compress;
    await expect(nest.start({}, { publishing: { compress } })).rejects.toThrow(message);
    const publisher = publisherOf(await nest.start({}));
    await expect(publisher.sendToQueue('q', 1, { compress })).rejects.toThrow(ConfigurationError);
  });
});
