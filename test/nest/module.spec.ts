import { Injectable } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import {
  AmqpConsumer,
  AmqpModule,
  classicQueue,
  ConfirmingPublisher,
  getConfirmingPublisherToken,
  InjectConfirmingPublisher,
  Payload,
} from 'nest-amqp';
import { ConfigurationError } from 'nest-amqp/client';
import { Inbox, publisherOf, useNest } from './support/nest-harness.js';

describe('several connections', () => {
  const nest = useNest();

  it('each has its topology, its consumers and its publisher', async () => {
    const [orders, invoices] = [nest.name('orders'), nest.name('invoices')];
    const [first, second] = [nest.name(), nest.name()];
    const inbox = new Inbox();

    @Injectable()
    class Billing {
      constructor(
        readonly publisher: ConfirmingPublisher,
        @InjectConfirmingPublisher('billing') readonly billing: ConfirmingPublisher,
      ) {}

      @AmqpConsumer(orders)
      async onOrder(@Payload() order: string): Promise<void> {
        await this.billing.sendToQueue(invoices, `invoice of ${order}`);
      }

      @AmqpConsumer(invoices, { connection: 'billing' })
      onInvoice(@Payload() invoice: string): void {
        inbox.add(invoice);
      }
    }

    const { url } = nest.rabbit;
    // Exclusive queues: only the connection that has declared them may consume from them.
    const queue = (name: string): object => ({ queues: [classicQueue(name, { exclusive: true })] });
    const app = await nest.start({
      imports: [
        AmqpModule.forRoot({ url, topology: queue(orders), connectionName: first }),
        AmqpModule.forRoot({ name: 'billing', url, topology: queue(invoices), connectionName: second, prefetch: 3 }),
      ],
      providers: [Billing],
    });
    await publisherOf(app).sendToQueue(orders, 'order 1');
    expect(await inbox.next()).toBe('invoice of order 1');
    expect(app.get(getConfirmingPublisherToken('billing'), { strict: false })).not.toBe(publisherOf(app));
    expect(nest.lines.with('Consuming').toSorted()).toEqual([
      expect.stringContaining(`'${invoices}' in Billing.onInvoice, prefetch 3`),
      expect.stringContaining(`'${orders}' in Billing.onOrder, prefetch 10`),
    ]);
    await nest.close(app);
    for (const name of [first, second]) expect(nest.lines.with(`${name} (`).filter(isClosed)).toHaveLength(2);
  });

  it('one without a name is not needed', async () => {
    const queue = nest.name();
    const topology = { queues: [classicQueue(queue)] };
    const app = await nest.start({
      imports: [AmqpModule.forRootAsync({ name: 'billing', useFactory: () => ({ url: nest.rabbit.url, topology }) })],
    });
    const publisher = app.get<ConfirmingPublisher>(getConfirmingPublisherToken('billing'), { strict: false });
    await publisher.sendToQueue(queue, 1);
    expect(await nest.ready(queue)).toBe(1);
  });

  it('a consumer of one that is not there fails the start, with the names that are', async () => {
    const queue = nest.name();

    @Injectable()
    class Billing {
      @AmqpConsumer(queue, { connection: 'biling' })
      onOrder(): void {}
    }

    const { url } = nest.rabbit;
    const starting = nest.start({
      imports: [AmqpModule.forRoot(url), AmqpModule.forRoot({ name: 'billing', url })],
      providers: [Billing],
    });
    await expect(starting).rejects.toThrow(ConfigurationError);
    await expect(starting).rejects.toThrow(
      "The consumer Billing.onOrder: there is no AMQP connection 'biling'; known are: 'default', 'billing'.",
    );
    // Nothing is left open.
    expect(nest.lines.inbox.all.filter(isClosed)).toHaveLength(4);
  });
});

const isClosed = (line: string): boolean => line.endsWith(': closed');
