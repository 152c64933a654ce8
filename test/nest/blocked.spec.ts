import { Injectable } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { filter, firstValueFrom } from 'rxjs';
import {
  AmqpConsumer,
  AmqpConsumerRegistry,
  AmqpHealthIndicator,
  AmqpModule,
  classicQueue,
  ExchangePublisher,
  getPublisherToken,
  ParkingLot,
  Payload,
  quorumQueue,
} from 'nest-amqp';
import { PublishRefusedError } from 'nest-amqp/client';
import { startRabbitMq, type RabbitMq } from '../support/rabbitmq.js';
import { publisherOf, useNest } from './support/nest-harness.js';
import { Inbox } from '../support/inbox.js';

let rabbit: RabbitMq;

beforeAll(async () => {
  rabbit = await startRabbitMq({ source: 'local' });
});
afterAll(() => rabbit?.stop());

describe('a broker that blocks the publishing connection', () => {
  const nest = useNest();

  it('holds publishes back, or fails them at once, as configured; consuming continues; publishes follow after the block', async () => {
    const inbox = new Inbox();
    const gates: (() => void)[] = [];

    @Injectable()
    class Billing {
      @AmqpConsumer('billing', { prefetch: 1 })
      async onOrder(@Payload() order: unknown): Promise<void> {
        inbox.add(order);
        await new Promise<void>((resolve) => gates.push(resolve));
      }
    }

    const app = await nest.start({
      imports: [
        AmqpModule.forRoot({ url: rabbit.url, topology: { queues: [classicQueue('billing')] } }),
        AmqpModule.forFeature([{ publisher: 'impatient', exchange: '', whenUnavailable: 'fail' }]),
      ],
      providers: [Billing],
    });
    const publisher = publisherOf(app);
    const impatient = app.get<ExchangePublisher>(getPublisherToken('impatient'), { strict: false });
    await impatient.publish('billing', 1);
    await publisher.sendToQueue('billing', 2);
    expect(await inbox.next()).toBe(1);

    const blocked = firstValueFrom(publisher.state$.pipe(filter((state) => state === 'blocked')));
    await rabbit.ctl('set_vm_memory_high_watermark', '0.0001');
    // RabbitMQ blocks a connection at the first publish after the alarm.
    const probe = publisher.sendToQueue('billing', 3);
    await blocked;
    expect(nest.lines.with('(publishing): the broker has blocked the connection')).toHaveLength(1);
    const { status, connections } = app.get(AmqpHealthIndicator, { strict: false }).isHealthy().amqp;
    expect({ status, connections }).toMatchObject({
      status: 'down',
      connections: { default: { publishing: 'blocked', consuming: 'open', reason: expect.stringContaining('memory') } },
    });
    await expect(impatient.publish('billing', 'refused')).rejects.toThrow(PublishRefusedError);
    const waiting = publisher.sendToQueue('billing', 4);
    // The acknowledgement of the first message lets the second through despite the alarm.
    gates.shift()!();
    expect(await inbox.next()).toBe(2);

    await rabbit.ctl('set_vm_memory_high_watermark', '0.4');
    await Promise.all([probe, waiting]);
    expect(await firstValueFrom(publisher.state$)).toBe('open');
    for (const expected of [3, 4]) {
      gates.shift()!();
      expect(await inbox.next()).toBe(expected);
    }
    gates.shift()!();
    expect(nest.lines.with('the broker takes publishes again')).toHaveLength(1);
  });

  it('N1 1.2: failing messages do not delay those behind them, and are parked once each when the broker accepts publishes again', async () => {
    const good = new Inbox();
    const failed = new Inbox();

    @Injectable()
    class Payments {
      @AmqpConsumer('payments', { prefetch: 10, retry: false })
      onPayment(@Payload() payment: unknown): void {
        if (payment !== 'bad') return good.add(payment);
        failed.add(payment);
        throw new Error('no');
      }
    }

    const app = await nest.start({
      imports: [AmqpModule.forRoot({ url: rabbit.url, topology: { queues: [quorumQueue('payments')] } })],
      providers: [Payments],
    });
    const registry = app.get(AmqpConsumerRegistry, { strict: false });
    const publisher = publisherOf(app);
    await registry.pause();
    for (let bad = 0; bad < 10; bad++) await publisher.sendToQueue('payments', 'bad');
    for (let n = 0; n < 5; n++) await publisher.sendToQueue('payments', n);
    const blocked = firstValueFrom(publisher.state$.pipe(filter((state) => state === 'blocked')));
    await rabbit.ctl('set_vm_memory_high_watermark', '0.0001');
    const probe = publisher.sendToQueue('payments', 'probe');
    await blocked;
    await registry.resume();
    expect(await good.take(5)).toEqual([0, 1, 2, 3, 4]);
    await failed.take(10);
    while (registry.list()[0]!.held < 10) await new Promise(setImmediate);
    expect(app.get(AmqpHealthIndicator, { strict: false }).isHealthy().amqp.stuck).toMatchObject([{ held: 10 }]);
    await rabbit.ctl('set_vm_memory_high_watermark', '0.4');
    await probe;
    while (registry.list()[0]!.held > 0) await new Promise(setImmediate);
    expect(await app.get(ParkingLot, { strict: false }).list('payments')).toHaveLength(10);
    expect(failed.all).toHaveLength(10);
  });
});
