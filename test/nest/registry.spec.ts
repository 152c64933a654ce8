import { Injectable } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import {
  AmqpConsumer,
  AmqpConsumerRegistry,
  AmqpModule,
  bindQueue,
  classicQueue,
  OnConsumerCancelled,
  OnReturn,
  Payload,
  topicExchange,
  UnknownConsumerError,
  type ConsumerCancelledEvent,
  type ConsumerState,
} from 'nest-amqp';
import type { INestApplicationContext } from '@nestjs/common';
import { ConfigurationError, type ReturnedMessage } from 'nest-amqp/client';
import { defer, filter, firstValueFrom, map, repeat, Subject, throwError } from 'rxjs';
import { publisherOf, useNest } from './support/nest-harness.js';
import { Inbox } from '../support/inbox.js';

const nest = useNest();

const registryOf = (app: INestApplicationContext): AmqpConsumerRegistry => app.get(AmqpConsumerRegistry);

/** Resolves once the condition, which has no event, holds. */
const until = (condition: () => boolean): Promise<unknown> =>
  firstValueFrom(defer(() => [condition()]).pipe(repeat({ delay: 5 }), filter(Boolean)));

/** Resolves once the only consumer has this state. */
const untilState = (app: INestApplicationContext, state: ConsumerState): Promise<unknown> =>
  until(() => registryOf(app).list()[0]?.state === state);

/** Returns a class that consumes the queue, and its received messages. */
function consumerOf(queue: string, options: { gate?: Subject<void>; concurrency?: number } = {}) {
  const got = new Inbox<unknown>();

  @Injectable()
  class Billing {
    @AmqpConsumer(queue, { prefetch: 3, ...(options.concurrency ? { concurrency: options.concurrency } : {}) })
    async onOrder(@Payload() order: unknown): Promise<void> {
      got.add(order);
      if (options.gate) await firstValueFrom(options.gate);
    }
  }
  return { Billing, got };
}

describe('AmqpConsumerRegistry', () => {
  it('lists consumers and their queues, with state, messages in flight and counts', async () => {
    const queue = nest.name();
    const gate = new Subject<void>();
    const { Billing, got } = consumerOf(queue, { gate });
    const app = await nest.start({ providers: [Billing] }, { topology: { queues: [classicQueue(queue)] } });
    const publisher = publisherOf(app);
    await publisher.sendToQueue(queue, 1);
    await publisher.sendToQueue(queue, 2);
    await got.take(2);
    const [status] = registryOf(app).list();
    expect(status).toEqual({
      handler: 'Billing.onOrder',
      handlers: ['Billing.onOrder'],
      queue,
      connection: 'default',
      prefetch: 3,
      concurrency: Infinity,
      state: 'consuming',
      error: undefined,
      consumerTag: expect.stringMatching(/./),
      inFlight: 2,
      stale: 0,
      held: 0,
      slow: undefined,
      handled: 0,
      failed: 0,
      handledPerSecond: expect.any(Number),
      failedPerSecond: 0,
    });
    gate.next();
    await nest.close(app);
    expect(registryOf(app).list()).toMatchObject([
      { state: 'stopped', inFlight: 0, handled: 2, consumerTag: undefined },
    ]);
  });

  it('changes prefetch and concurrency while messages are handled, and loses and repeats none', async () => {
    const queue = nest.name();
    const got = new Inbox<number>();
    const gate = new Subject<void>();
    let running = 0;
    const observed: number[] = [];

    @Injectable()
    class Billing {
      @AmqpConsumer(queue, { prefetch: 4 })
      async onOrder(@Payload() order: number): Promise<void> {
        observed.push(++running);
        got.add(order);
        await firstValueFrom(gate);
        running--;
      }
    }
    const app = await nest.start({ providers: [Billing] }, { topology: { queues: [classicQueue(queue)] } });
    const registry = registryOf(app);
    const orders = Array.from({ length: 60 }, (_, index) => index);
    await Promise.all(orders.map((order) => publisherOf(app).sendToQueue(queue, order)));
    await got.take(4);
    await registry.adjust({ queue }, { prefetch: 20, concurrency: 8 });
    expect(registry.list({ queue })).toMatchObject([{ prefetch: 20, concurrency: 8, state: 'consuming' }]);
    // The four running handlers belong to the earlier registration, and count.
    await got.take(4);
    expect(Math.max(...observed)).toBe(8);
    await registry.adjust({ handler: 'Billing.onOrder' }, { concurrency: 1 });
    expect(running).toBe(8);
    observed.length = 0;
    gate.next();
    await got.take(1);
    while (got.all.length < orders.length) {
      gate.next();
      await got.take(1);
    }
    gate.next();
    expect(got.all.toSorted((one, other) => one - other)).toEqual(orders);
    expect(Math.max(...observed)).toBe(1);
    await registry.pause({ queue });
    await registry.adjust({ queue }, { prefetch: 0 });
    await registry.resume({ queue });
    expect(registry.list({ queue })).toMatchObject([{ prefetch: 0, concurrency: 1, state: 'consuming' }]);
    for (const wrong of [{}, { prefetch: -1 }, { concurrency: 0 }, { prefetch: 70_000 }, { other: 1 }])
      await expect(registry.adjust({ queue }, wrong)).rejects.toBeInstanceOf(ConfigurationError);
    await expect(registry.adjust({ queue: 'none' }, { prefetch: 1 })).rejects.toBeInstanceOf(UnknownConsumerError);
  });

  it('pauses and resumes: running handlers continue, no new message is delivered', async () => {
    const queue = nest.name();
    const gate = new Subject<void>();
    const { Billing, got } = consumerOf(queue, { gate, concurrency: 1 });
    const app = await nest.start({ providers: [Billing] }, { topology: { queues: [classicQueue(queue)] } });
    const publisher = publisherOf(app);
    for (const order of ['first', 'second']) await publisher.sendToQueue(queue, order);
    expect(await got.next()).toBe('first');
    await registryOf(app).pause({ queue });
    expect(registryOf(app).list()).toMatchObject([{ state: 'paused', inFlight: 1 }]);
    // The waiting message is requeued; the broker does this while it serves other connections.
    while ((await nest.ready(queue)) < 1);
    gate.next();
    await publisher.sendToQueue(queue, 'third');
    while ((await nest.ready(queue)) < 2);
    expect(got.all).toEqual(['first']);
    await registryOf(app).resume({ handler: 'Billing.onOrder' });
    expect(registryOf(app).list()).toMatchObject([{ state: 'consuming' }]);
    expect(await got.next()).toBe('second');
    gate.next();
    expect(await got.next()).toBe('third');
    gate.next();
  });

  it.each([
    [
      'a pause',
      (app: INestApplicationContext) =>
        registryOf(app)
          .pause()
          .then(() => registryOf(app).resume()),
    ],
    [
      'a new prefetch',
      (app: INestApplicationContext, queue: string) => registryOf(app).adjust({ queue }, { prefetch: 7 }),
    ],
    ['its cancellation by the broker', (_: INestApplicationContext, queue: string) => nest.channel.queueDelete(queue)],
  ])('runs no more handlers at once than its concurrency, also across %s', async (_, disturb) => {
    const queue = nest.name();
    const gate = new Subject<void>();
    const { Billing, got } = consumerOf(queue, { gate, concurrency: 1 });
    const app = await nest.start({ providers: [Billing] }, { topology: { queues: [classicQueue(queue)] } });
    await publisherOf(app).sendToQueue(queue, 'first');
    expect(await got.next()).toBe('first');
    const tag = (): string | undefined => registryOf(app).list()[0]?.consumerTag;
    const before = tag();
    await disturb(app, queue);
    await until(() => ![undefined, before].includes(tag()));
    await publisherOf(app).sendToQueue(queue, 'second');
    await until(() => registryOf(app).list()[0]?.inFlight === 2);
    expect(got.all).toEqual(['first']);
    gate.next();
    expect(await got.next()).toBe('second');
    gate.next();
  });

  it('pauses for two callers: both promises resolve when no more messages are delivered', async () => {
    const queue = nest.name();
    const { Billing } = consumerOf(queue);
    const app = await nest.start({ providers: [Billing] }, { topology: { queues: [classicQueue(queue)] } });
    const registry = registryOf(app);
    const tags: unknown[] = [];
    const pause = async (): Promise<void> => {
      await registry.pause();
      tags.push(registry.list()[0]!.consumerTag);
    };
    await Promise.all([pause(), pause()]);
    expect(tags).toEqual([undefined, undefined]);
  });

  it('keeps a pause across a reconnect', async () => {
    const queue = nest.name();
    const { Billing, got } = consumerOf(queue);
    const { proxy, url } = await nest.proxy();
    const amqp = AmqpModule.forRoot({ url, topology: { queues: [classicQueue(queue)] } });
    const app = await nest.start({ imports: [amqp], providers: [Billing] });
    await registryOf(app).pause();
    proxy.cut();
    await nest.lines.until('(consuming): reconnected');
    await nest.channel.publish('', queue, 'later', { contentType: 'text/plain' });
    expect((await nest.channel.queueDeclare(queue, { passive: true })).consumerCount).toBe(0);
    expect(registryOf(app).list()).toMatchObject([{ state: 'paused' }]);
    await registryOf(app).resume();
    expect(await got.next()).toBe('later');
  });

  it('shows a lost connection as recovering, and consuming again', async () => {
    const queue = nest.name();
    const { Billing, got } = consumerOf(queue);
    const { proxy, url } = await nest.proxy();
    const amqp = AmqpModule.forRoot({ url, topology: { queues: [classicQueue(queue)] } });
    const app = await nest.start({ imports: [amqp], providers: [Billing] });
    proxy.refuse();
    proxy.cut();
    await untilState(app, 'recovering');
    await proxy.accept();
    await untilState(app, 'consuming');
    await nest.channel.publish('', queue, 'after', { contentType: 'text/plain' });
    expect(await got.next()).toBe('after');
  });

  it('lists the known consumers when none matches', async () => {
    const queue = nest.name();
    const { Billing } = consumerOf(queue);
    const app = await nest.start({ providers: [Billing] }, { topology: { queues: [classicQueue(queue)] } });
    const error: unknown = await registryOf(app)
      .pause({ queue: 'biling' })
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UnknownConsumerError);
    const { message } = error as UnknownConsumerError;
    for (const fact of ["queue 'biling'", `Billing.onOrder (queue '${queue}')`]) expect(message).toContain(fact);
  });

  it('declares a queue of the topology again that was deleted while its consumer was paused', async () => {
    const queue = nest.name();
    const { Billing, got } = consumerOf(queue);
    const app = await nest.start({ providers: [Billing] }, { topology: { queues: [classicQueue(queue)] } });
    await registryOf(app).pause();
    await nest.channel.queueDelete(queue);
    await registryOf(app).resume();
    expect(registryOf(app).list()).toMatchObject([{ state: 'consuming' }]);
    await publisherOf(app).sendToQueue(queue, 'there');
    expect(await got.next()).toBe('there');
  });

  it('leaves a consumer paused whose queue is missing at the resume', async () => {
    const queue = nest.name();
    await nest.channel.queueDeclare(queue);
    const { Billing, got } = consumerOf(queue);
    const app = await nest.start({ providers: [Billing] });
    await registryOf(app).pause();
    await nest.channel.queueDelete(queue);
    await expect(registryOf(app).resume()).rejects.toThrow(`cannot consume from queue '${queue}': 404`);
    expect(registryOf(app).list()).toMatchObject([{ state: 'paused' }]);
    await nest.channel.queueDeclare(queue);
    await registryOf(app).resume();
    await nest.channel.publish('', queue, 'there', { contentType: 'text/plain' });
    expect(await got.next()).toBe('there');
  });
});

describe('a queue that is deleted under its consumer', () => {
  it('is declared again with its bindings and consumed again; the listener is called, the registry shows the gap', async () => {
    const queue = nest.name();
    const exchange = nest.name('exchange');
    const { Billing, got } = consumerOf(queue);
    const told = new Inbox<ConsumerCancelledEvent>();
    const tags = new Inbox<string>();

    @Injectable()
    class Listener {
      @OnConsumerCancelled(queue)
      onCancelled(event: ConsumerCancelledEvent): void {
        told.add(event);
      }

      @OnConsumerCancelled({ useFactory: () => queue })
      byConfiguration({ consumerTag }: ConsumerCancelledEvent): void {
        tags.add(consumerTag);
      }

      @OnConsumerCancelled('another queue')
      onOther(): void {
        throw new Error('not meant');
      }
    }

    const app = await nest.start(
      { providers: [Billing, Listener] },
      {
        topology: {
          exchanges: [topicExchange(exchange)],
          queues: [classicQueue(queue)],
          bindings: [bindQueue(queue, exchange, 'order.*')],
        },
      },
    );
    const cancelled = firstValueFrom(
      registryOf(app).cancels$.pipe(map((event) => ({ event, state: registryOf(app).list()[0]?.state }))),
    );
    const tag = registryOf(app).list()[0]?.consumerTag;
    await nest.channel.queueDelete(queue);
    const { event, state } = await cancelled;
    expect(state).toBe('recovering');
    expect(event).toEqual({
      connection: 'default',
      handler: 'Billing.onOrder',
      queue,
      consumerTag: tag,
      reason: expect.stringContaining('the queue was deleted or has moved'),
    });
    expect(await told.next()).toEqual(event);
    expect(await tags.next()).toBe(tag);
    await untilState(app, 'consuming');
    await publisherOf(app).publish(exchange, 'order.created', 'again');
    expect(await got.next()).toBe('again');
    expect(nest.lines.with('Lost the consumer')).toEqual([
      expect.stringMatching(
        new RegExp(`^WARN Lost the consumer of queue '${queue}' in Billing.onOrder: .*being restored`),
      ),
    ]);
    expect(nest.lines.with('again')).toEqual([`LOG Consuming queue '${queue}' in Billing.onOrder again`]);
    expect(nest.lines.with('not meant')).toEqual([]);
  });

  it('is waited for when it is not in the topology', async () => {
    const queue = nest.name();
    await nest.channel.queueDeclare(queue);
    const { Billing, got } = consumerOf(queue);
    const app = await nest.start({ providers: [Billing] });
    await nest.channel.queueDelete(queue);
    await nest.lines.until('Cannot consume queue');
    expect(registryOf(app).list()).toMatchObject([{ state: 'recovering', error: { replyCode: 404 } }]);
    await nest.channel.queueDeclare(queue);
    await untilState(app, 'consuming');
    expect(registryOf(app).list()).toMatchObject([{ error: undefined }]);
    await nest.channel.publish('', queue, 'back', { contentType: 'text/plain' });
    expect(await got.next()).toBe('back');
  });

  it('does not delay a shutdown', async () => {
    const queue = nest.name();
    await nest.channel.queueDeclare(queue);
    const app = await nest.start({ providers: [consumerOf(queue).Billing] });
    await nest.channel.queueDelete(queue);
    await nest.lines.until('Cannot consume queue');
    await nest.close(app);
    expect(registryOf(app).list()).toMatchObject([{ state: 'stopped' }]);
  });
});

describe('listeners', () => {
  it('receive returned messages; their errors are only logged', async () => {
    const returned = new Inbox<ReturnedMessage>();

    @Injectable()
    class Listener {
      @OnReturn()
      onReturn(message: ReturnedMessage): void {
        returned.add(message);
        throw new Error('the listener failed');
      }

      @OnReturn()
      async later(): Promise<void> {
        await Promise.reject(new Error('the promise failed'));
      }

      @OnReturn()
      observed() {
        return throwError(() => new Error('the observable failed'));
      }
    }

    const app = await nest.start({ providers: [Listener, { provide: 'alias', useExisting: Listener }] });
    const lost = publisherOf(app).sendToQueue('no such queue', { card: '4111' });
    await expect(lost).rejects.toThrow('NO_ROUTE');
    expect(await returned.next()).toMatchObject({ replyText: 'NO_ROUTE', routingKey: 'no such queue' });
    await nest.lines.until('Listener.observed failed');
    expect(nest.lines.with('failed').toSorted()).toEqual([
      'ERROR Listener.later failed: Error: the promise failed',
      'ERROR Listener.observed failed: Error: the observable failed',
      'ERROR Listener.onReturn failed: Error: the listener failed',
    ]);
    expect(returned.all).toHaveLength(1);
  });
});
