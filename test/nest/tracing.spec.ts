import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, tracingChannel, unsubscribe, type TracingChannelSubscribers } from 'node:diagnostics_channel';
import { Injectable, NotFoundException } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  AmqpBatchConsumer,
  AmqpRpc,
  fixed,
  ParkingLot,
  quorumQueue,
  type ConsumerFailure,
  type RequestTrace,
} from 'nest-amqp';
import type { ProcessTrace, PublishTrace } from 'nest-amqp/client';
import { Inbox } from '../support/inbox.js';
import { publisherOf } from './support/nest-harness.js';
import { useRetries } from './support/retries.js';

/** The perspective of subscribers to the tracing channels; docs/observability.md lists the messages. */
describe('tracing channels of the Nest layer', () => {
  const { nest, queueWith, consumerOf } = useRetries();
  let ends: (() => void)[] = [];
  afterEach(() => {
    for (const end of ends.splice(0)) end();
    ends = [];
  });

  /** Collects the operations of this test as they end. */
  function outcomes<M>(name: string, ours: (message: M) => boolean): Inbox<M> {
    const inbox = new Inbox<M>();
    const asyncEnd = (message: unknown): void => {
      if (ours(message as M)) inbox.add(message as M);
    };
    const channel = tracingChannel(`nest-amqp:${name}`);
    const subscribers = { asyncEnd } as unknown as TracingChannelSubscribers<object>;
    channel.subscribe(subscribers);
    ends.push(() => channel.unsubscribe(subscribers));
    return inbox;
  }

  it('report each attempt, the copies that are retried, parked and redriven, and each failure', async () => {
    const queue = queueWith();
    const processes = outcomes<ProcessTrace>('process', (message) => message.queue === queue);
    const copies = outcomes<PublishTrace>('publish', ({ copyOf }) => copyOf?.queue === queue);
    const failures: ConsumerFailure[] = [];
    const onFailure = (failure: unknown): void => {
      if ((failure as ConsumerFailure).queue === queue) failures.push(failure as ConsumerFailure);
    };
    subscribe('nest-amqp:failure', onFailure);
    ends.push(() => unsubscribe('nest-amqp:failure', onFailure));
    const store = new AsyncLocalStorage<string>();
    const { start } = tracingChannel('nest-amqp:process');
    start.bindStore(store, () => 'process');
    ends.push(() => start.unbindStore(store));

    let broken = true;
    const stores: unknown[] = [];
    const billing = consumerOf(queue, { retry: { attempts: 2, backoff: fixed(50) } }, async () => {
      await new Promise((resolve) => setImmediate(resolve));
      stores.push(store.getStore());
      if (broken) throw new Error('no funds');
    });
    const app = await nest.start({ providers: [billing] }, { topology: { queues: [quorumQueue(queue)] } });
    await publisherOf(app).sendToQueue(queue, { id: 1 });

    const first = await processes.next();
    expect(first).toMatchObject({ handler: 'Billing.onOrder', attempt: 1, batch: false });
    expect(first.error).toMatchObject({ message: 'no funds' });
    const retry = await copies.next();
    expect(retry).toMatchObject({ routingKey: `${queue}.retry.50`, copyOf: { kind: 'retry', queue } });
    expect(retry.copyOf!.delivery).toBe(first.deliveries[0]);
    expect((await processes.next()).attempt).toBe(2);
    expect(await copies.next()).toMatchObject({ routingKey: `${queue}.parked`, copyOf: { kind: 'park', queue } });
    broken = false;
    await app.get(ParkingLot, { strict: false }).redrive(queue);
    expect(await copies.next()).toMatchObject({ routingKey: queue, copyOf: { kind: 'redrive', queue } });
    const last = await processes.next();
    expect(last.attempt).toBe(1);
    expect('error' in last && last.error !== undefined).toBe(false);
    expect(failures.map(({ attempt, decision, delay }) => [attempt, decision, delay])).toEqual([
      [1, 'retry', 50],
      [2, 'park', undefined],
    ]);
    expect(stores).toEqual(['process', 'process', 'process']);
  });

  it('report failures before the handler, and the handler’s deadline', async () => {
    const queue = queueWith();
    const processes = outcomes<ProcessTrace>('process', (message) => message.queue === queue);
    const retry = { attempts: 1, then: 'dead-letter' } as const;
    const billing = consumerOf(queue, { retry, timeout: 20 }, () => new Promise(() => {}));
    await nest.start({ providers: [billing] }, { topology: { queues: [quorumQueue(queue)] } });
    await nest.channel.publish('', queue, '{', { contentType: 'application/json' });
    expect((await processes.next()).error).toMatchObject({ name: 'UndecodableMessageError' });
    await nest.channel.publish('', queue, '{}', { contentType: 'application/json' });
    expect((await processes.next()).error).toMatchObject({ name: 'HandlerTimeoutError' });
  });

  it('report a batch as one operation, and a request from its publish to its reply', async () => {
    const [queue, prices] = [queueWith(), nest.name('prices')];
    const processes = outcomes<ProcessTrace>('process', (message) => [queue, prices].includes(message.queue));
    const requests = outcomes<RequestTrace>('request', ({ routingKey }) => routingKey === prices);

    @Injectable()
    class Metering {
      @AmqpBatchConsumer(queue, { size: 2, maxWait: '1h' })
      onReadings(): void {}

      @AmqpRpc(prices, { retry: false })
      price(payload: unknown): unknown {
        if (payload === 'bad') throw new NotFoundException('unknown article');
        return 42;
      }
    }
    const app = await nest.start(
      { providers: [Metering] },
      { topology: { queues: [quorumQueue(queue), quorumQueue(prices)] } },
    );
    const publisher = publisherOf(app);
    await publisher.sendToQueue(queue, 1);
    await publisher.sendToQueue(queue, 2);
    const batch = await processes.next();
    expect(batch).toMatchObject({ batch: true, attempt: undefined, handler: 'Metering.onReadings' });
    expect(batch.deliveries).toHaveLength(2);

    expect(await publisher.request('', prices, 'good')).toBe(42);
    const request = await requests.next();
    expect(request.reply!.properties.correlationId).toBe(request.correlationId);
    expect(request.error).toBeUndefined();
    await expect(publisher.request('', prices, 'bad')).rejects.toThrow('unknown article');
    expect((await requests.next()).error).toMatchObject({ name: 'RpcRemoteError' });
    expect([await processes.next(), await processes.next()].map(({ handler }) => handler)).toEqual([
      'Metering.price',
      'Metering.price',
    ]);
  });
});
