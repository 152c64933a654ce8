import { Injectable } from '@nestjs/common';
import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { describe, expect, it } from '@jest/globals';
import {
  AmqpBatchConsumer,
  AmqpConsumer,
  AmqpRpc,
  ConfirmingPublisher,
  fixed,
  ParkingLot,
  quorumQueue,
  type AmqpContext,
} from 'nest-amqp';
import { useRetries } from '../nest/support/retries.js';
import { publisherOf } from '../nest/support/nest-harness.js';
import { idOf, linksOf, parentOf, traceOf, useTracing } from './support/tracing.js';

describe('one trace through publish, retry, parked, redrive, request and batch', () => {
  const { nest, queueWith } = useRetries();
  const tracing = useTracing();

  it('has the right parents and links', async () => {
    const [orders, prices, meters] = [queueWith(), nest.name('prices'), queueWith()];
    let broken = true;
    const seen: { readonly attempt: number; readonly headers: object; readonly active: string | undefined }[] = [];

    @Injectable()
    class Orders {
      constructor(private readonly publisher: ConfirmingPublisher) {}

      @AmqpConsumer(orders, { retry: { attempts: 2, backoff: fixed(50) } })
      async onOrder(_: unknown, context: AmqpContext): Promise<void> {
        const { attempt, headers } = context;
        await new Promise((resolve) => setImmediate(resolve));
        seen.push({ attempt, headers, active: trace.getActiveSpan()?.spanContext().spanId });
        if (broken) throw new Error('no funds');
        await this.publisher.request('', prices, 'article');
      }
    }

    @Injectable()
    class Prices {
      constructor(private readonly publisher: ConfirmingPublisher) {}

      @AmqpRpc(prices, { retry: false })
      async price(): Promise<number> {
        await Promise.all(
          [1, 2].map((reading) => this.publisher.sendToQueue(meters, reading, { messageId: `m${reading}` })),
        );
        return 42;
      }

      @AmqpBatchConsumer(meters, { size: 2, maxWait: '1h' })
      onReadings(): void {}
    }

    const queues = [quorumQueue(orders), quorumQueue(prices), quorumQueue(meters)];
    const app = await nest.start({ providers: [Orders, Prices] }, { topology: { queues } });
    await tracing.within('POST /orders', async () => {
      await publisherOf(app).sendToQueue(orders, { id: 1 }, { messageId: 'order-1', headers: { own: 1 } });
    });
    const parked = await tracing.span(`park ${orders}`);
    broken = false;
    await tracing.within('POST /redrive', async () => {
      await app.get(ParkingLot, { strict: false }).redrive(orders);
    });
    const batch = await tracing.span(`process ${meters}`);
    const third = await tracing.span(`process ${orders}`, 2);

    const http = await tracing.span('POST /orders');
    const redriving = await tracing.span('POST /redrive');
    const publish = await tracing.span(`publish ${orders}`);
    const [first, second] = tracing.named(`process ${orders}`);
    const [retry] = tracing.named(`retry ${orders}`);
    const [redrive] = tracing.named(`redrive ${orders}`);
    const request = await tracing.span(`request ${prices}`);
    const ask = await tracing.span(`publish ${prices}`);
    const price = await tracing.span(`process ${prices}`);
    const reply = await tracing.span('publish');
    const readings = tracing.named(`publish ${meters}`);

    // The producer, and its attempts, which are told apart by their links.
    expect(publish.kind).toBe(SpanKind.PRODUCER);
    expect(parentOf(publish)).toBe(idOf(http));
    expect(publish.attributes).toMatchObject({
      'messaging.system': 'rabbitmq',
      'messaging.operation.name': 'publish',
      'messaging.operation.type': 'send',
      'messaging.destination.name': orders,
      'messaging.rabbitmq.destination.routing_key': orders,
      'messaging.message.id': 'order-1',
      'server.port': nest.rabbit.port,
    });
    for (const attempt of [first!, second!, third]) {
      expect(attempt.kind).toBe(SpanKind.CONSUMER);
      expect(parentOf(attempt)).toBe(idOf(publish));
      expect(linksOf(attempt)[0]!.to).toBe(idOf(publish));
    }
    expect([first!, second!, third].map(({ attributes }) => attributes['nest_amqp.attempt'])).toEqual([1, 2, 1]);
    expect(linksOf(first!)).toHaveLength(1);
    const ways = (to: [string, string]): unknown => [
      { to: to[0], attributes: { 'nest_amqp.link': 'first_attempt' } },
      { to: to[1], attributes: { 'nest_amqp.link': 'copy' } },
    ];
    expect(linksOf(second!).slice(1)).toEqual(ways([idOf(first!), idOf(retry!)]));
    expect(linksOf(third).slice(1)).toEqual(ways([idOf(first!), idOf(redrive!)]));

    // The copies belong to the attempt that failed, or to whoever redrives.
    expect([retry!, parked, redrive!].map(parentOf)).toEqual([idOf(first!), idOf(second!), idOf(redriving)]);
    for (const copy of [retry!, parked, redrive!]) {
      expect(copy.kind).toBe(SpanKind.CLIENT);
      expect(linksOf(copy)[0]!.to).toBe(idOf(publish));
      expect(copy.status.code).toBe(SpanStatusCode.UNSET);
    }
    for (const failed of [first!, second!]) {
      expect(failed.status).toEqual({ code: SpanStatusCode.ERROR, message: 'no funds' });
      expect(failed.attributes['error.type']).toBe('Error');
    }
    expect(third.status.code).toBe(SpanStatusCode.UNSET);

    // The handler of a redriven message asks, is answered, and the batch is linked.
    expect([request, ask, price, reply].map(parentOf)).toEqual([idOf(third), idOf(request), idOf(ask), idOf(price)]);
    expect(request.kind).toBe(SpanKind.CLIENT);
    expect(linksOf(request)).toEqual([{ to: idOf(reply), attributes: undefined }]);
    expect(reply.attributes).toMatchObject({
      'messaging.destination.name': 'amq.rabbitmq.reply-to',
      'messaging.destination.anonymous': true,
    });
    expect(readings.map(parentOf)).toEqual([idOf(price), idOf(price)]);
    expect(parentOf(batch)).toBeUndefined();
    expect(batch.attributes['messaging.batch.message_count']).toBe(2);
    expect(linksOf(batch).map(({ to }) => to)).toEqual(readings.map(idOf));
    expect(linksOf(batch).map(({ attributes }) => attributes!['messaging.message.id'])).toEqual(['m1', 'm2']);

    // All but the batch and whoever has redriven are one trace.
    const whole = [publish, first!, second!, third, retry!, parked, request, ask, price, reply, ...readings];
    expect(new Set(whole.map(traceOf))).toEqual(new Set([traceOf(http)]));

    // The context flows through the handlers, which see the message as it was published.
    expect(seen.map(({ attempt }) => attempt)).toEqual([1, 2, 1]);
    expect(seen.map(({ active }) => active)).toEqual([first!, second!, third].map(idOf));
    for (const { headers } of seen) expect(Object.keys(headers).sort()).toEqual(['own', 'traceparent']);
  });
});
