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
import { publisherOf, useNest } from './support/nest-harness.js';
import { Inbox } from '../support/inbox.js';

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
    // Only the connection that has declared an exclusive queue may consume from it.
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

  it('the connection without a name is optional', async () => {
    const queue = nest.name();
    const topology = { queues: [classicQueue(queue)] };
    const app = await nest.start({
      imports: [AmqpModule.forRootAsync({ name: 'billing', useFactory: () => ({ url: nest.rabbit.url, topology }) })],
    });
    const publisher = app.get<ConfirmingPublisher>(getConfirmingPublisherToken('billing'), { strict: false });
    await publisher.sendToQueue(queue, 1);
    expect(await nest.ready(queue)).toBe(1);
  });

  it('a consumer of an unknown connection fails the start, and the error lists the known names', async () => {
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
    // All connections are closed.
    expect(nest.lines.inbox.all.filter(isClosed)).toHaveLength(4);
  });
});

describe('the log of connections', () => {
  const nest = useNest();

  it('has one line for each change, and neither credentials nor payloads', async () => {
    const queue = nest.name();
    const { proxy, url } = await nest.proxy();
    const secret = new URL(url);
    secret.username = 'guest';
    secret.password = 'guest';
    const amqp = AmqpModule.forRoot({
      url: secret.href,
      connectionName: 'shop',
      connection: { reconnect: { initialDelay: 1, maxDelay: 5 } },
      topology: { queues: [classicQueue(queue)] },
    });
    const app = await nest.start({ imports: [amqp] });
    const payload = { card: '4111-1111' };
    await publisherOf(app).sendToQueue(queue, payload, { headers: { token: 'to-ken' } });
    proxy.refuse();
    proxy.cut();
    await nest.lines.until('reconnecting failed');
    await proxy.accept();
    // The message waits for the connection, and is returned there, since the queue does not exist.
    await publisherOf(app)
      .sendToQueue(`${queue}-missing`, payload)
      .catch(() => undefined);
    const shop = (): string[] => nest.lines.with('shop (');
    while (shop().filter((line) => line.includes('reconnected to RabbitMQ')).length < 2) await nest.lines.inbox.next();
    await nest.close(app);

    for (const purpose of ['publishing', 'consuming']) {
      const lines = nest.lines.with(`shop (${purpose}): `).map((line) => line.replace(`shop (${purpose}): `, ''));
      const changes = lines.filter((line) => !line.includes('reconnecting failed'));
      expect(changes).toEqual([
        expect.stringMatching(/^LOG connected to RabbitMQ [\d.]+ at 127\.0\.0\.1:\d+$/),
        expect.stringMatching(/^WARN .*127\.0\.0\.1:\d+/),
        expect.stringMatching(/^LOG reconnected to RabbitMQ [\d.]+ at 127\.0\.0\.1:\d+$/),
        'LOG closed',
      ]);
    }
    for (const line of nest.lines.inbox.all) {
      expect(line).not.toMatch(/guest|4111|to-ken|\n/);
    }
  });
});

describe('two applications in one process', () => {
  const nest = useNest();

  it('are independent, whatever the names of their connections', async () => {
    const queues = [nest.name(), nest.name()];
    const inboxes = [new Inbox<string>(), new Inbox<string>()];
    const apps = [];
    for (const [index, queue] of queues.entries()) {
      @Injectable()
      class Billing {
        @AmqpConsumer(queue, { connection: 'billing' })
        onOrder(@Payload() order: string): void {
          inboxes[index]!.add(order);
        }
      }

      const topology = { queues: [classicQueue(queue, { exclusive: true })] };
      const amqp = AmqpModule.forRoot({ name: 'billing', url: nest.rabbit.url, topology });
      apps.push(await nest.start({ imports: [amqp], providers: [Billing] }));
    }
    const [one, two] = apps.map((app) =>
      app.get<ConfirmingPublisher>(getConfirmingPublisherToken('billing'), { strict: false }),
    );
    const [first, second] = queues as [string, string];
    await one!.sendToQueue(second, 'from one');
    await two!.sendToQueue(first, 'from two');
    expect(await inboxes[0]!.next()).toBe('from two');
    expect(await inboxes[1]!.next()).toBe('from one');
    await nest.close(apps[0]!);
    await two!.sendToQueue(second, 'alone');
    expect(await inboxes[1]!.next()).toBe('alone');
    expect(inboxes.map(({ all }) => all.length)).toEqual([1, 2]);
  });
});

const isClosed = (line: string): boolean => line.endsWith(': closed');
