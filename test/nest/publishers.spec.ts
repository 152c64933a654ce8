import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Injectable } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { firstValueFrom, lastValueFrom, take, toArray } from 'rxjs';
import {
  AmqpConsumer,
  AmqpModule,
  classicQueue,
  fanoutExchange,
  bindQueue,
  ExchangePublisher,
  getPublisherToken,
  InjectPublisher,
  Payload,
  RpcRemoteError,
  RpcTimeoutError,
  serverNamedQueue,
  topicExchange,
  UndecodableMessageError,
  type AmqpModuleOptions,
  type PublisherDefinition,
  type PublishOptions,
} from 'nest-amqp';
import {
  ChannelClosedError,
  ConfigurationError,
  ConnectionClosedError,
  ConnectionLostError,
  MessageReturnedError,
  NotFoundError,
  PublishNackedError,
  PublishRefusedError,
  PublishTimeoutError,
  type Delivery,
  type PublishTrace,
} from 'nest-amqp/client';
import { publisherOf, useNest } from './support/nest-harness.js';
import { Inbox } from '../support/inbox.js';

describe('ConfirmingPublisher', () => {
  const nest = useNest();

  it('gives every message a unique id, and a receipt with its delivery tag and the time to its confirm', async () => {
    const queue = nest.name();
    const publisher = publisherOf(await nest.start({}, { topology: { queues: [classicQueue(queue)] } }));
    const told = lastValueFrom(publisher.confirms$.pipe(take(3), toArray()));
    const receipts = await Promise.all([1, 2, 3].map((payload) => publisher.sendToQueue(queue, payload)));
    expect(receipts.map(({ deliveryTag }) => deliveryTag)).toEqual([1, 2, 3]);
    expect(new Set(receipts.map(({ messageId }) => messageId)).size).toBe(3);
    for (const { timeToConfirm } of receipts) expect(timeToConfirm).toBeGreaterThan(0);
    expect((await told).map(({ messageId }) => messageId).toSorted()).toEqual(
      receipts.map(({ messageId }) => messageId).toSorted(),
    );
    const delivered = await nest.channel.basicGet(queue, { noAck: true });
    expect(delivered!.properties).toMatchObject({ messageId: receipts[0]!.messageId, deliveryMode: 2 });
  });

  it('gives the same receipt, and tells of the same return, while a subscriber adds headers', async () => {
    const [queue, nowhere] = [nest.name(), nest.name()];
    const publisher = publisherOf(await nest.start({}, { topology: { queues: [classicQueue(queue)] } }));
    const confirmed = firstValueFrom(publisher.confirms$);
    const returned = firstValueFrom(publisher.returns$);
    const trace = (message: unknown): void => (message as PublishTrace).addHeader('traceparent', '00-1');
    subscribe('tracing:nest-amqp:publish:start', trace);
    const receipt = await publisher.sendToQueue(queue, 1, { messageId: 'a' });
    const error = await failureOf(publisher.sendToQueue(nowhere, 2, { messageId: 'b' }));
    unsubscribe('tracing:nest-amqp:publish:start', trace);
    const timeToConfirm = expect.any(Number);
    expect(receipt).toEqual({ messageId: 'a', deliveryTag: 1, exchange: '', routingKey: queue, timeToConfirm });
    expect(await confirmed).toEqual(receipt);
    expect(error).toBeInstanceOf(MessageReturnedError);
    expect(await returned).toBe((error as MessageReturnedError).returned);
    const { properties } = (await nest.channel.basicGet(queue, { noAck: true }))!;
    expect(properties).toMatchObject({ messageId: 'a', headers: { traceparent: '00-1' } });
  });

  it('rejects exactly the message that a full queue refuses', async () => {
    const queue = nest.name();
    const full = classicQueue(queue, { maxLength: 1, overflow: 'reject-publish' });
    const publisher = publisherOf(await nest.start({}, { topology: { queues: [full] } }));
    await publisher.sendToQueue(queue, 'fits');
    await expect(publisher.sendToQueue(queue, 'too much')).rejects.toThrow(PublishNackedError);
  });

  it('rejects after its timeout, or with the signal, while the broker does not answer', async () => {
    const queue = nest.name();
    const { proxy, url } = await nest.proxy();
    const app = await nest.start({
      imports: [AmqpModule.forRoot({ url, topology: { queues: [classicQueue(queue)] } })],
    });
    const publisher = publisherOf(app);
    await publisher.sendToQueue(queue, 1);
    proxy.stall('toClient');
    const late = await failureOf(publisher.sendToQueue(queue, 2, { timeout: 50 }));
    expect(late).toBeInstanceOf(PublishTimeoutError);
    expect(late).toMatchObject({ outcome: 'unknown' });
    const stop = new AbortController();
    const given = failureOf(publisher.sendToQueue(queue, 3, { signal: stop.signal }));
    const reason = new Error('not interested any more');
    stop.abort(reason);
    expect(await given).toBe(reason);
    proxy.resume();
  });

  it('waits while the connection is lost, and publishes after the reconnect; state$ reports both', async () => {
    const queue = nest.name();
    const { proxy, url } = await nest.proxy();
    const app = await nest.start({
      imports: [AmqpModule.forRoot({ url, topology: { queues: [classicQueue(queue)] } })],
    });
    const publisher = publisherOf(app);
    await publisher.sendToQueue(queue, 'before');
    const states: string[] = [];
    publisher.state$.subscribe((state) => states.push(state));
    const lost = firstValueFrom(publisher.state$.pipe(take(2), toArray()));
    proxy.refuse();
    proxy.cut();
    expect(await lost).toEqual(['open', 'reconnecting']);
    const waiting = publisher.sendToQueue(queue, 'after');
    const late = await failureOf(publisher.sendToQueue(queue, 'too late', { timeout: 30 }));
    expect(late).toMatchObject({ name: 'PublishTimeoutError', outcome: 'not-sent' });
    await proxy.accept();
    await waiting;
    expect(await nest.ready(queue)).toBe(2);
    await nest.close(app);
    expect(states).toEqual(['open', 'reconnecting', 'open', 'closed']);
  });

  it('finds the topology again, if the broker has lost it with the connection', async () => {
    const [exchange, queue] = [nest.name(), nest.name()];
    const { proxy, url } = await nest.proxy();
    const topology = {
      exchanges: [topicExchange(exchange)],
      queues: [classicQueue(queue), classicQueue(nest.name(), { exclusive: true }), serverNamedQueue('own')],
      bindings: [bindQueue(queue, exchange, '#'), bindQueue('own', exchange, 'own')],
    };
    const app = await nest.start({ imports: [AmqpModule.forRoot({ url, topology })] });
    const publisher = publisherOf(app);
    await publisher.publish(exchange, 'order.created', 'before');
    await nest.channel.queueDelete(queue);
    await nest.channel.exchangeDelete(exchange);
    // Ends the connection that sends next: the publishing one. The other one stays.
    const cut = proxy.cutAfterBytes(1, 'toServer');
    expect(await failureOf(publisher.publish(exchange, 'order.created', 'lost'))).toHaveProperty('outcome', 'unknown');
    await cut;
    await publisher.publish(exchange, 'order.created', 'after');
    expect(await nest.ready(queue)).toBe(1);
    expect(nest.lines.with('(consuming): connection')).toEqual([]);
    expect(nest.lines.with('declare')).toEqual([]);
  });

  it('fails at once while the connection is lost with whenUnavailable: fail', async () => {
    const queue = nest.name();
    const { proxy, url } = await nest.proxy();
    const publishing = { whenUnavailable: 'fail' } as const;
    const app = await nest.start({
      imports: [AmqpModule.forRoot({ url, publishing, topology: { queues: [classicQueue(queue)] } })],
    });
    const publisher = publisherOf(app);
    await publisher.sendToQueue(queue, 1);
    proxy.refuse();
    proxy.cut();
    await nest.lines.until('(publishing): ');
    while ((await firstValueFrom(publisher.state$)) !== 'reconnecting') await nest.lines.inbox.next();
    const refused = await failureOf(publisher.sendToQueue(queue, 2));
    expect(refused).toBeInstanceOf(PublishRefusedError);
    expect(refused).toMatchObject({ outcome: 'not-sent' });
  });

  it('limits the publishes in flight: further ones wait, or are refused', async () => {
    const queue = nest.name();
    const { proxy, url } = await nest.proxy();
    const app = await nest.start({
      imports: [
        AmqpModule.forRoot({
          url,
          publishing: { maxInFlight: 2, maxWaiting: 1 },
          topology: { queues: [classicQueue(queue)] },
        }),
      ],
    });
    const publisher = publisherOf(app);
    await publisher.sendToQueue(queue, 0);
    proxy.stall('toClient');
    const flying = [publisher.sendToQueue(queue, 1), publisher.sendToQueue(queue, 2), publisher.sendToQueue(queue, 3)];
    const refused = await failureOf(publisher.sendToQueue(queue, 4));
    expect(refused).toBeInstanceOf(PublishRefusedError);
    expect(refused).toHaveProperty('message', expect.stringContaining('1 publishes wait already'));
    proxy.resume();
    await Promise.all(flying);
    expect(await nest.ready(queue)).toBe(4);
  });

  it('a wrong option of one publish ends no other publish, and loses no message', async () => {
    const queue = nest.name();
    const publisher = publisherOf(await nest.start({}, { topology: { queues: [classicQueue(queue)] } }));
    await publisher.sendToQueue(queue, 'first');
    const wrong = [
      { mandatory: 'true' },
      { mandatory: 0 },
      { persistent: null },
      { expiration: 'soon' },
      { priority: '5' },
      { headers: { CC: 'a' } },
      { headers: { BCC: {} } },
      { headers: null },
      { timeout: 0 },
    ] as unknown as PublishOptions[];
    const others = Array.from({ length: 50 }, (_, index) => publisher.sendToQueue(queue, index));
    for (const options of wrong) {
      const refused = await failureOf(publisher.sendToQueue('nowhere', 1, options));
      expect(refused).toBeInstanceOf(ConfigurationError);
      expect(refused).toHaveProperty('message', expect.stringMatching(`^publish: ${Object.keys(options)[0]} must be `));
    }
    await Promise.all(others);
    // The channel is the same: its delivery tags continue.
    expect((await publisher.sendToQueue(queue, 'last', { expiration: '10m' })).deliveryTag).toBe(52);
    expect(await nest.ready(queue)).toBe(52);
    await nest.channel.queuePurge(queue);
    await publisher.sendToQueue(queue, 'one', { expiration: '10m' });
    expect((await nest.channel.basicGet(queue, { noAck: true }))!.properties.expiration).toBe('600000');
  });

  it('K5.4 a first publish to a missing exchange does not affect other publishes', async () => {
    const queue = nest.name();
    const publisher = publisherOf(await nest.start({}, { topology: { queues: [classicQueue(queue)] } }));
    await publisher.sendToQueue(queue, 'first');
    const payloads = Array.from({ length: 200 }, (_, index) => String(index));
    const results = await Promise.allSettled(
      payloads.map((payload, index) =>
        index === 50 || index === 60
          ? publisher.publish(`${queue}-missing`, 'any', payload)
          : publisher.sendToQueue(queue, payload),
      ),
    );
    const failed = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
    expect(failed).toEqual([expect.any(NotFoundError), expect.any(NotFoundError)]);
    // The channel is the same: its delivery tags continue.
    expect((await publisher.sendToQueue(queue, 'last')).deliveryTag).toBe(200);
    const texts: string[] = [];
    for (let next; (next = await nest.channel.basicGet(queue, { noAck: true }));) texts.push(next.text());
    expect(texts).toEqual(['first', ...payloads.filter((_, index) => index !== 50 && index !== 60), 'last']);
    // The publisher checks again, since the exchange may exist by now.
    await nest.channel.exchangeDeclare(`${queue}-missing`, 'fanout');
    await nest.channel.queueBind(queue, `${queue}-missing`, '');
    await publisher.publish(`${queue}-missing`, 'any', 'found');
    await nest.channel.exchangeDelete(`${queue}-missing`);
  });

  it('K5.4 publishes to a new exchange and to a known one keep their order', async () => {
    const queue = nest.name();
    const topology = {
      queues: [classicQueue(queue)],
      exchanges: [fanoutExchange(`${queue}-new`)],
      bindings: [bindQueue(queue, `${queue}-new`)],
    };
    const publisher = publisherOf(await nest.start({}, { topology }));
    await publisher.sendToQueue(queue, 0);
    await Promise.all([
      publisher.publish(`${queue}-new`, 'any', 1),
      publisher.sendToQueue(queue, 2),
      publisher.publish(`${queue}-new`, 'any', 3),
      publisher.sendToQueue(queue, 4),
    ]);
    for (const number of [0, 1, 2, 3, 4]) {
      expect((await nest.channel.basicGet(queue, { noAck: true }))!.json()).toBe(number);
    }
    await nest.channel.exchangeDelete(`${queue}-new`);
  });

  it('has its own connection: while it is stalled, consuming continues', async () => {
    const queue = nest.name();
    const inbox = new Inbox();

    @Injectable()
    class Billing {
      @AmqpConsumer(queue, { prefetch: 1 })
      onOrder(@Payload() order: unknown): void {
        inbox.add(order);
      }
    }

    // The publishing connection reads its URL first.
    const [publishing, consuming] = [await nest.proxy(), await nest.proxy()];
    const ports = [publishing.url, consuming.url];
    const app = await nest.start({
      imports: [
        AmqpModule.forRoot({
          url: () => ports.shift() ?? nest.rabbit.url,
          topology: { queues: [classicQueue(queue)] },
        }),
      ],
      providers: [Billing],
    });
    await publisherOf(app).sendToQueue(queue, 1);
    expect(await inbox.next()).toBe(1);
    publishing.proxy.stall();
    const stuck = failureOf(publisherOf(app).sendToQueue(queue, 2, { timeout: 100 }));
    // With a prefetch of one, each message arrives after the acknowledgement of the one before it.
    for (const order of ['a', 'b', 'c']) await nest.channel.publish('', queue, order, { contentType: 'text/plain' });
    expect(await inbox.take(3)).toEqual(['a', 'b', 'c']);
    expect(await stuck).toBeInstanceOf(PublishTimeoutError);
    publishing.proxy.resume();
  });
});

interface OrderEvents {
  'order.created': { id: number };
  'order.cancelled': { id: number; reason: string };
}

describe('forFeature', () => {
  const nest = useNest();

  function topologyOf(exchange: string, queue: string): Pick<AmqpModuleOptions, 'topology'> {
    return {
      topology: {
        exchanges: [topicExchange(exchange)],
        queues: [classicQueue(queue)],
        bindings: [bindQueue(queue, exchange, '#')],
      },
    };
  }

  const feature = (definition: Omit<PublisherDefinition, 'publisher'>) =>
    AmqpModule.forFeature([{ publisher: 'orders', ...definition }]);

  it('gives a module a publisher for its exchange, by name, with defaults', async () => {
    const [exchange, queue] = [nest.name(), nest.name()];

    @Injectable()
    class Orders {
      constructor(@InjectPublisher('orders') readonly publisher: ExchangePublisher<OrderEvents>) {}
    }

    const { url } = nest.rabbit;
    const app = await nest.start({
      imports: [
        AmqpModule.forRoot({ url, ...topologyOf(exchange, queue) }),
        feature({ exchange, defaults: { appId: 'shop', headers: { tenant: 'acme', from: 'defaults' } } }),
      ],
      providers: [Orders],
    });
    const { publisher } = app.get(Orders);
    const told = firstValueFrom(publisherOf(app).confirms$);
    const receipt = await publisher.publish('order.created', { id: 1 }, { headers: { from: 'message' } });
    expect(receipt).toMatchObject({ exchange, routingKey: 'order.created', deliveryTag: 1 });
    expect(await told).toEqual(receipt);
    const delivery = await nest.channel.basicGet(queue, { noAck: true });
    expect(delivery!.json()).toEqual({ id: 1 });
    expect(delivery!.properties).toMatchObject({ appId: 'shop', headers: { tenant: 'acme', from: 'message' } });

    // The function is never called; its lines must not compile.
    const wrong = (): unknown[] => [
      // @ts-expect-error -- there is no such routing key
      publisher.publish('order.shipped', { id: 1 }),
      // @ts-expect-error -- the payload of another key
      publisher.publish('order.cancelled', { id: 1 }),
      // @ts-expect-error -- not even as a request
      publisher.request('order.created', { id: 'one' }),
    ];
    expect(wrong).toBeInstanceOf(Function);
  });

  it('takes patterns of routing keys, and anything where no map is given', async () => {
    const [exchange, queue] = [nest.name(), nest.name()];
    const { url } = nest.rabbit;
    const app = await nest.start({
      imports: [AmqpModule.forRoot({ url, ...topologyOf(exchange, queue) }), feature({ exchange })],
    });
    const publisher: unknown = app.get(getPublisherToken('orders'), { strict: false });
    const byTenant = publisher as ExchangePublisher<{ [key: `order.${string}`]: { id: number } }>;
    await byTenant.publish('order.acme', { id: 1 });
    await (publisher as ExchangePublisher).publish('whatever', ['it', 'is']);
    // @ts-expect-error -- does not begin with 'order.'
    const wrong = (): unknown => byTenant.publish('invoice.acme', { id: 1 });
    expect(wrong).toBeInstanceOf(Function);
    expect(await nest.ready(queue)).toBe(2);
  });

  it('uses a channel of its own: errors on it do not affect other publishers', async () => {
    const queue = nest.name();
    const { url } = nest.rabbit;
    const app = await nest.start({
      imports: [
        AmqpModule.forRoot({ url, topology: { queues: [classicQueue(queue)] } }),
        feature({ exchange: `${queue}-missing` }),
      ],
    });
    const orders = app.get<ExchangePublisher>(getPublisherToken('orders'), { strict: false });
    const results = await Promise.allSettled([
      ...Array.from({ length: 20 }, (_, n) => publisherOf(app).sendToQueue(queue, n)),
      orders.publish('any', 1),
      ...Array.from({ length: 20 }, (_, n) => publisherOf(app).sendToQueue(queue, n)),
    ]);
    const rejected = results.filter(({ status }) => status === 'rejected');
    expect(rejected).toEqual([{ status: 'rejected', reason: expect.any(NotFoundError) }]);
    expect(await nest.ready(queue)).toBe(40);
  });

  it('publishes on the connection that it names; an unknown connection fails the start', async () => {
    const [exchange, queue] = [nest.name(), nest.name()];
    const { url } = nest.rabbit;
    const named = AmqpModule.forRoot({ name: 'billing', url, ...topologyOf(exchange, queue) });
    const app = await nest.start({ imports: [named, feature({ exchange, connection: 'billing' })] });
    const orders = app.get<ExchangePublisher>(getPublisherToken('orders'), { strict: false });
    await orders.publish('order.created', 1);
    expect(await nest.ready(queue)).toBe(1);
    const starting = nest.start({ imports: [feature({ exchange }), named] });
    await expect(starting).rejects.toThrow(ConfigurationError);
    await expect(starting).rejects.toThrow(
      "AmqpModule.forFeature([{ publisher: 'orders' }]): there is no AMQP connection 'default'; known are: 'billing'.",
    );
  });
});

describe('request()', () => {
  const nest = useNest();

  /** Answers like any AMQP client: to `reply-to`, with the same `correlation-id`. */
  async function responder(answer: (delivery: Delivery) => Promise<void> | void): Promise<string> {
    const queue = nest.name();
    await nest.channel.queueDeclare(queue);
    await nest.channel.basicConsume(queue, answer, { noAck: true });
    return queue;
  }

  const reply = async ({ properties }: Delivery, body: string, options: object = {}): Promise<void> => {
    const { replyTo, correlationId } = properties;
    const json = { contentType: 'application/json' };
    await nest.channel.publish('', replyTo!, body, { correlationId, ...json, ...options });
  };

  it('resolves each of many requests with its own answer', async () => {
    const kept: Delivery[] = [];
    const queue = await responder(async (delivery) => {
      kept.push(delivery);
      // The answers arrive in another order than the requests.
      if (kept.length < 50) return;
      for (const one of kept.reverse()) await reply(one, String((one.json() as number) * 2));
    });
    const publisher = publisherOf(await nest.start({}, {}));
    const asked = Array.from({ length: 50 }, (_, n) => publisher.request<number>('', queue, n));
    expect(await Promise.all(asked)).toEqual(Array.from({ length: 50 }, (_, n) => n * 2));
    expect(kept[0]!.properties).toMatchObject({ deliveryMode: 1, expiration: '30000', messageId: expect.any(String) });
  });

  it('resolves with undefined for an empty answer', async () => {
    const queue = await responder((delivery) => reply(delivery, '', { contentType: undefined }));
    expect(await publisherOf(await nest.start({})).request('', queue, 1)).toBeUndefined();
  });

  it('rejects with the other side’s error', async () => {
    const failure = { status: 'error', message: 'no such order', name: 'NotFoundException', data: { id: 7 } };
    const headers = { 'x-rpc-error': true };
    const queue = await responder((delivery) => reply(delivery, JSON.stringify(failure), { headers }));
    const error = await failureOf(publisherOf(await nest.start({})).request('', queue, 7));
    expect(error).toBeInstanceOf(RpcRemoteError);
    expect(error).toMatchObject({ message: 'no such order', remoteName: 'NotFoundException', data: { id: 7 } });
  });

  it('rejects for an answer that cannot be decoded', async () => {
    const queue = await responder((delivery) => reply(delivery, '{'));
    const error = await failureOf(publisherOf(await nest.start({})).request('', queue, 7));
    expect(error).toBeInstanceOf(UndecodableMessageError);
  });

  it('rejects after its timeout, or with the signal; a late answer is dropped', async () => {
    const asked = new Inbox<Delivery>();
    const queue = await responder(asked.add);
    const publisher = publisherOf(await nest.start({}));
    const error = await failureOf(publisher.request('', queue, 1, { timeout: 1_000 }));
    expect(error).toBeInstanceOf(RpcTimeoutError);
    expect(error).toHaveProperty('message', `No reply from queue '${queue}' within 1000 ms.`);
    const stop = new AbortController();
    const given = failureOf(publisher.request('', queue, 2, { signal: stop.signal }));
    const [late] = await asked.take(2);
    const reason = new Error('never mind');
    stop.abort(reason);
    expect(await given).toBe(reason);
    await reply(late!, '"late"');
    const third = publisher.request('', queue, 3);
    await reply(await asked.next(), '"in time"');
    expect(await third).toBe('in time');
  });

  it("is returned when no queue is bound for it, also where the publisher's defaults are not mandatory", async () => {
    const exchange = nest.name('events');
    const publishers = [{ publisher: 'orders', exchange, defaults: { mandatory: false, replyTo: 'nobody' } }];
    const root = AmqpModule.forRoot({ url: nest.rabbit.url, topology: { exchanges: [topicExchange(exchange)] } });
    const app = await nest.start({ imports: [root, AmqpModule.forFeature(publishers)] });
    const orders = app.get<ExchangePublisher>(getPublisherToken('orders'), { strict: false });
    await orders.publish('order.created', 1);
    expect(await failureOf(orders.request('order.find', 1))).toBeInstanceOf(MessageReturnedError);
  });

  it('rejects at once when no queue is bound for it', async () => {
    const publisher = publisherOf(await nest.start({}));
    const told = firstValueFrom(publisher.returns$);
    const error = await failureOf(publisher.request('', nest.name(), 1));
    expect(error).toBeInstanceOf(MessageReturnedError);
    expect((await told).replyText).toBe('NO_ROUTE');
  });

  it('rejects at once when the connection is lost; the next one is answered', async () => {
    const asked = new Inbox<Delivery>();
    const queue = await responder(asked.add);
    const { proxy, url } = await nest.proxy();
    const publisher = publisherOf(await nest.start({ imports: [AmqpModule.forRoot(url)] }));
    const lost = failureOf(publisher.request('', queue, 1));
    await asked.next();
    proxy.cut();
    expect(await lost).toBeInstanceOf(ConnectionLostError);
    expect(await lost).toMatchObject({ outcome: 'unknown' });
    const next = publisher.request('', queue, 2);
    await reply(await asked.next(), '"answered"');
    expect(await next).toBe('answered');
  });

  it('rejects at once when another request closes the channel', async () => {
    const asked = new Inbox<Delivery>();
    const queue = await responder(asked.add);
    const publisher = publisherOf(await nest.start({}));
    const concerned = failureOf(publisher.request('', queue, 1));
    await asked.next();
    // A missing exchange is detected before it closes the channel; this exchange is deleted after it was found.
    const exchange = `${queue}-gone`;
    await nest.channel.exchangeDeclare(exchange, 'fanout');
    expect(await failureOf(publisher.request(exchange, 'any', 2))).toBeInstanceOf(MessageReturnedError);
    await nest.channel.exchangeDelete(exchange);
    expect(await failureOf(publisher.request(exchange, 'any', 2))).toBeInstanceOf(NotFoundError);
    expect(await concerned).toBeInstanceOf(ChannelClosedError);
    expect(await concerned).toMatchObject({ outcome: 'unknown' });
  });

  it('rejects when the application shuts down, without delaying it', async () => {
    const asked = new Inbox<Delivery>();
    const queue = await responder(asked.add);
    const app = await nest.start({});
    const left = failureOf(publisherOf(app).request('', queue, 1));
    await asked.next();
    await nest.close(app);
    expect(await left).toBeInstanceOf(ConnectionClosedError);
  });

  it('is not persistent, and expires when its requester no longer waits', async () => {
    const queue = nest.name();
    const dead = nest.name();
    const topology = {
      exchanges: [fanoutExchange(dead)],
      queues: [classicQueue(queue, { deadLetterExchange: dead }), classicQueue(dead)],
      bindings: [bindQueue(dead, dead)],
    };
    const publisher = publisherOf(await nest.start({}, { topology }));
    const expired = new Inbox<Delivery>();
    await nest.channel.basicConsume(dead, expired.add, { noAck: true });
    await failureOf(publisher.request('', queue, 1, { timeout: 1_000 }));
    const { headers } = (await expired.next()).properties;
    expect(headers!['x-death']).toMatchObject([{ reason: 'expired', queue }]);
  });
});

const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => {
      throw new Error('it has succeeded');
    },
    (error: unknown) => error,
  );
