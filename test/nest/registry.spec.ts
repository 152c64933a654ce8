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
import type { ReturnedMessage } from 'nest-amqp/client';
import { defer, filter, firstValueFrom, map, repeat, Subject, throwError } from 'rxjs';
import { publisherOf, useNest } from './support/nest-harness.js';
import { Inbox } from '../support/inbox.js';

const nest = useNest();

const registryOf = (app: INestApplicationContext): AmqpConsumerRegistry => app.get(AmqpConsumerRegistry);

/** Resolves once the one consumer is in this state. Nobody tells of it, so it is asked, each time a little later. */
const untilState = (app: INestApplicationContext, state: ConsumerState): Promise<unknown> =>
  firstValueFrom(
    defer(() => [registryOf(app).list()[0]?.state]).pipe(
      repeat({ delay: 5 }),
      filter((current) => current === state),
    ),
  );

/** A class that consumes the queue, and what it got. */
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
  it('lists what consumes what, with state, in-flight and counts', async () => {
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
      queue,
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

  it('pauses and resumes: what is running goes on, nothing new comes meanwhile', async () => {
    const queue = nest.name();
    const gate = new Subject<void>();
    const { Billing, got } = consumerOf(queue, { gate, concurrency: 1 });
    const app = await nest.start({ providers: [Billing] }, { topology: { queues: [classicQueue(queue)] } });
    const publisher = publisherOf(app);
    for (const order of ['first', 'second']) await publisher.sendToQueue(queue, order);
    expect(await got.next()).toBe('first');
    await registryOf(app).pause({ queue });
    expect(registryOf(app).list()).toMatchObject([{ state: 'paused', inFlight: 1 }]);
    // The one that was here and waited goes back to its queue; the broker takes that over another connection than ours.
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

  it('pauses for each of two callers: both hear of it when nothing more is delivered', async () => {
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

  it('says which consumers there are when none fits', async () => {
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

  it('leaves a consumer paused whose queue is not there when it is resumed', async () => {
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
  it('is declared again with its bindings and consumed again; the listener is told, the registry shows the gap', async () => {
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

  it('is waited for when the topology does not have it', async () => {
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

  it('keeps nobody from shutting down', async () => {
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
  it('hear of returned messages; what they throw is logged and nothing else', async () => {
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
