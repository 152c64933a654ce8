import { describe, expect, it } from '@jest/globals';
import {
  AmqpConsumer,
  AmqpModule,
  bindQueue,
  Ctx,
  ExchangePublisher,
  fixed,
  getPublisherToken,
  ParkingLot,
  Payload,
  quorumQueue,
  topicExchange,
  type AmqpContext,
  type ConsumerOptions,
  type PublishOptions,
} from 'nest-amqp';
import { ConfigurationError, NotFoundError } from 'nest-amqp/client';
import { Inbox } from '../support/inbox.js';
import { publisherOf, useNest } from './support/nest-harness.js';

const PARKED = 'nest-amqp.delay.parked';
const ascending = (one: unknown, other: unknown): number => Number(one) - Number(other);

/** What a handler was called with, and when. */
interface Seen {
  readonly payload: unknown;
  readonly context: AmqpContext;
  readonly time: number;
}

describe('delayed messages', () => {
  const nest = useNest();

  /** Starts an application with an exchange, a queue of the same name and a consumer. */
  async function start(options: ConsumerOptions = {}, handle: (seen: Seen) => void = () => {}) {
    const name = nest.name('delayed');
    nest.sweep(`nest-amqp.delay.to.exchange.${name}`, `nest-amqp.delay.to.queue.${name}`, `${name}.retry.50`);
    const inbox = new Inbox<Seen>();

    class Consumer {
      @AmqpConsumer(name, options)
      on(@Payload() payload: unknown, @Ctx() context: AmqpContext): void {
        const seen = { payload, context, time: Date.now() };
        inbox.add(seen);
        handle(seen);
      }
    }

    const topology = {
      exchanges: [topicExchange(name)],
      queues: [quorumQueue(name)],
      bindings: [bindQueue(name, name, 'order.#')],
    };
    const app = await nest.start({
      imports: [
        AmqpModule.forRoot({ url: nest.rabbit.url, topology }),
        AmqpModule.forFeature([{ publisher: 'orders', exchange: name, defaults: { headers: { 'x-tenant': 'acme' } } }]),
      ],
      providers: [Consumer],
    });
    return { app, name, inbox, publisher: publisherOf(app) };
  }

  it('arrive when they are due, as their publisher has sent them', async () => {
    const { name, inbox, publisher } = await start();
    const options = {
      messageId: 'm',
      type: 'order.created',
      correlationId: 'c',
      priority: 3,
      appId: 'shop',
      headers: { 'x-tenant': 'acme', nested: { list: [1, 'two', true] } },
    };
    const before = Date.now();
    const receipt = await publisher.publish(name, 'order.created', { id: 7 }, { ...options, delay: '1s' });
    expect(receipt).toMatchObject({ messageId: 'm', exchange: name, routingKey: 'order.created' });
    const { payload, context, time } = await inbox.next();
    expect(time - before).toBeGreaterThanOrEqual(1_000);
    expect(payload).toEqual({ id: 7 });
    expect(context).toMatchObject({ exchange: name, routingKey: 'order.created', attempt: 1 });
    const { headers, properties } = context;
    expect(headers).toEqual(options.headers);
    expect(properties).toEqual({ ...options, contentType: 'application/json', deliveryMode: 2 });
    expect(Object.keys(context.delivery.encodedHeaders).toSorted()).toEqual(['nested', 'x-tenant']);
  });

  it('go to a queue, at a date, from a publisher of an exchange, and at once if the time has passed', async () => {
    const { app, name, inbox, publisher } = await start();
    const orders = app.get<ExchangePublisher>(getPublisherToken('orders'), { strict: false });
    const before = Date.now();
    await Promise.all([
      publisher.sendToQueue(name, 'queue', { delay: 500 }),
      publisher.publish(name, 'order.at', 'at', { at: new Date(before + 1_500) }),
      orders.publish('order.feature', 'feature', { delay: '1000ms' }),
      publisher.publish(name, 'order.past', 'past', { at: new Date(before - 1) }),
      publisher.publish(name, 'order.none', 'none', { delay: 0 }),
    ]);
    const all = await inbox.take(5);
    const due = new Map(all.map(({ payload, time }) => [payload, time - before]));
    for (const [payload, ms] of Object.entries({ queue: 500, at: 1_500, feature: 1_000 })) {
      expect(due.get(payload)).toBeGreaterThanOrEqual(ms);
    }
    const first = all.find(({ payload }) => payload === 'queue');
    expect(first!.context).toMatchObject({ exchange: '', routingKey: name, headers: {} });
    const feature = all.find(({ payload }) => payload === 'feature');
    expect(feature!.context.headers).toEqual({ 'x-tenant': 'acme' });
  });

  it('are retried as other messages, and parked without a trace of the delay', async () => {
    const { name, inbox, publisher } = await start({ retry: { attempts: 2, backoff: fixed(50) } }, () => {
      throw new Error('no');
    });
    nest.sweep(`${name}.parked`);
    await publisher.publish(name, 'order.created', 1, { delay: 125, headers: { a: 1 } });
    const contexts = (await inbox.take(2)).map(({ context }) => context);
    expect(contexts.map(({ attempt }) => attempt)).toEqual([1, 2]);
    for (const context of contexts) {
      expect(context).toMatchObject({ exchange: name, routingKey: 'order.created', headers: { a: 1 } });
    }
    await nest.lines.until(`parked in '${name}.parked'`);
    const parked = await nest.channel.basicGet(`${name}.parked`, { noAck: true });
    const { 'x-delivery-count': _, ...headers } = parked!.properties.headers!;
    expect(Object.keys(headers).toSorted()).toEqual(['a', 'x-nest-amqp-retry']);
  });

  it('can be delayed again with the headers that they came with, from a client without this library, too', async () => {
    const { name, publisher } = await start();
    const queue = nest.name();
    nest.sweep(`nest-amqp.delay.to.queue.${queue}`);
    await nest.channel.queueDeclare(queue, { durable: true });
    await publisher.sendToQueue(queue, 'again', { delay: 125 });
    const first = await arrival(queue);
    expect(first).toMatchObject({ exchange: '', routingKey: queue });
    await publisher.sendToQueue(queue, 'again', { delay: 125, headers: first.properties.headers });
    const second = await arrival(queue);
    expect(second.text()).toBe('again');
    expect(name).not.toBe(queue);
  });

  it('are not sent with wrong options', async () => {
    const { name, publisher } = await start();
    const wrong: [options: object, text: RegExp][] = [
      [{ delay: -1 }, /delay must be milliseconds from 0/],
      [{ delay: NaN }, /delay must be/],
      [{ delay: '1 hour' }, /delay must be.*'1 hour'/],
      [{ delay: null }, /delay must be/],
      [{ delay: Infinity }, /delay must be at most 366 days/],
      [{ delay: '367d' }, /delay must be at most 366 days/],
      [{ at: new Date(Date.now() + 367 * 86_400_000) }, /at must be at most 366 days/],
      [{ at: new Date(NaN) }, /at must be a valid Date/],
      [{ at: '2030-01-01' }, /at must be a valid Date/],
      [{ delay: '1s', at: new Date() }, /delay and at cannot be combined/],
      [{ delay: '1s', expiration: 5_000 }, /expiration cannot be combined/],
      [{ delay: '1s', headers: { CC: ['other'] } }, /CC cannot be combined/],
      [{ delay: '1s', headers: { BCC: ['other'] } }, /BCC cannot be combined/],
    ];
    for (const [options, text] of wrong) {
      const failure = await publisher.publish(name, 'order.x', 1, options as PublishOptions).catch((e: unknown) => e);
      expect(failure).toBeInstanceOf(ConfigurationError);
      expect((failure as Error).message).toMatch(text);
    }
    const request = publisher.request(name, 'order.x', 1, { delay: '1s' } as object);
    await expect(request).rejects.toThrow(ConfigurationError);
    expect(await nest.ready(name)).toBe(0);
  });

  it('are refused at once where nothing is there to take them, and harm no other message', async () => {
    const { name, inbox, publisher } = await start();
    const missing = nest.name('missing');
    await expect(publisher.publish(missing, 'k', 1, { delay: 125 })).rejects.toThrow(NotFoundError);
    await expect(publisher.sendToQueue(missing, 1, { delay: 125 })).rejects.toThrow(NotFoundError);
    await publisher.publish(name, 'order.x', 'fine', { delay: 125 });
    expect((await inbox.next()).payload).toBe('fine');
  });

  it('are parked when no queue is bound for them, and hold up no others', async () => {
    const { app, name, inbox, publisher } = await start();
    const returns: string[] = [];
    publisher.returns$.subscribe(({ routingKey }) => returns.push(routingKey));
    const numbers = Array.from({ length: 50 }, (_, n) => n);
    await Promise.all(numbers.map((n) => publisher.publish(name, 'nobody', n, { delay: 125, headers: { n } })));
    await publisher.publish(name, 'order.x', 'later', { delay: 250 });
    expect((await inbox.next()).payload).toBe('later');
    for (const _ of numbers) await nest.lines.until(PARKED);
    expect(returns).toEqual(numbers.map(() => 'nobody'));

    const lot = app.get(ParkingLot, { strict: false });
    const parked = (await lot.list('nest-amqp.delay', { limit: 1_000 })).filter(({ exchange }) => exchange === name);
    expect(parked.map(({ payload }) => payload).toSorted(ascending)).toEqual(numbers);
    const [one] = parked;
    expect(one).toMatchObject({ routingKey: 'nobody', attempts: 1, headers: { n: one!.payload } });
    expect(one!.lastFailure!.message).toContain('MessageReturnedError');

    await nest.channel.queueBind(name, name, 'nobody');
    await lot.redrive('nest-amqp.delay', { filter: ({ exchange }) => exchange === name });
    const back = await inbox.take(50);
    expect(back.map(({ payload }) => payload).toSorted(ascending)).toEqual(numbers);
    const { context, payload } = back[0]!;
    expect(context).toMatchObject({ exchange: name, routingKey: 'nobody', attempt: 1, headers: { n: payload } });
  });

  it('wait in the broker while their queue is full, and hold up no others', async () => {
    const { name, inbox, publisher } = await start();
    const full = nest.name('full');
    const limits = { 'x-max-length': 1, 'x-overflow': 'reject-publish' };
    await nest.channel.queueDeclare(full, { durable: true, arguments: limits });
    await nest.channel.queueBind(full, name, 'full');
    await publisher.publish(name, 'full', 'first');
    await Promise.all(Array.from({ length: 40 }, (_, n) => publisher.publish(name, 'full', n, { delay: 125 })));
    await publisher.publish(name, 'order.x', 'later', { delay: 1_500 });
    expect((await inbox.next()).payload).toBe('later');
    expect(nest.lines.with(PARKED)).toEqual([]);
    expect(await nest.ready(full)).toBe(1);
  });

  it('are sent by the broker when no application is there that has published them', async () => {
    const { app, name, publisher } = await start();
    const queue = nest.name();
    await nest.channel.queueDeclare(queue, { durable: true });
    await nest.channel.queueBind(queue, name, 'reminder');
    await publisher.publish(name, 'reminder', 'due', { delay: 1_000 });
    await nest.close(app);
    const delivery = await arrival(queue);
    expect(delivery).toMatchObject({ exchange: name, routingKey: 'reminder' });
    expect(delivery.text()).toBe('due');
    expect(Object.keys(delivery.properties.headers!)).toContain('x-death');
  });

  it('are parked when their landing was deleted meanwhile', async () => {
    const { name, publisher } = await start();
    await publisher.sendToQueue(name, 'lost?', { delay: 1_000 });
    await nest.channel.queueDelete(`nest-amqp.delay.to.queue.${name}`);
    const channel = await nest.connection.openChannel();
    const inbox = new Inbox<{ routingKey: string; text(): string }>();
    await channel.basicConsume(PARKED, inbox.add);
    let kept = await inbox.next();
    // Other tests may park messages, too.
    while (kept.routingKey !== name) kept = await inbox.next();
    expect(kept.text()).toBe('lost?');
    await channel.close();
  });

  async function arrival(queue: string) {
    const inbox = new Inbox<Parameters<Parameters<typeof nest.channel.basicConsume>[1]>[0]>();
    const consumer = await nest.channel.basicConsume(queue, (delivery) => inbox.add(delivery), { noAck: true });
    const delivery = await inbox.next();
    await consumer.cancel();
    return delivery;
  }
});
