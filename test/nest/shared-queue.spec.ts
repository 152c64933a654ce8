import { tracingChannel } from 'node:diagnostics_channel';
import {
  ForbiddenException,
  Injectable,
  UseGuards,
  type CanActivate,
  type INestApplicationContext,
} from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import {
  AmqpBatchConsumer,
  AmqpConsumer,
  AmqpConsumerRegistry,
  AmqpRpc,
  bindQueue,
  classicQueue,
  Ctx,
  directExchange,
  fixed,
  MessageReturnedError,
  NoHandlerError,
  ParkingLot,
  Payload,
  quorumQueue,
  RpcRemoteError,
  serverNamedQueue,
  topicExchange,
  type AmqpContext,
  type AmqpModuleOptions,
  type ConsumerFailure,
  type ConsumerOptions,
} from 'nest-amqp';
import { errorOf, eventually } from '../client/support/client-harness.js';
import { Inbox } from '../support/inbox.js';
import { publisherOf, useNest } from './support/nest-harness.js';

const nest = useNest();

/** A message, and the method that got it. */
interface Got {
  readonly by: string;
  readonly payload: unknown;
  readonly key: string;
  readonly attempt: number;
}

type Entry = readonly [method: string, options: ConsumerOptions];
type Work = (by: string, context: AmqpContext) => unknown;

/** Returns a class with one method for each entry, all of which consume the queue. */
function classOf(queue: string, entries: readonly Entry[], got: Inbox<Got>, work: Work = () => {}) {
  @Injectable()
  class Orders {}
  for (const [method, options] of entries) {
    const value = (payload: unknown, context: AmqpContext): unknown => {
      got.add({ by: method, payload, key: context.routingKey, attempt: context.attempt });
      return work(method, context);
    };
    Object.defineProperty(Orders.prototype, method, { value, configurable: true, writable: true });
    const descriptor = Object.getOwnPropertyDescriptor(Orders.prototype, method)!;
    AmqpConsumer(queue, options)(Orders.prototype, method, descriptor);
  }
  return Orders;
}

/** A queue of its own, bound to a topic exchange by `#`. */
function place(prefix = 'orders') {
  const queue = nest.name(prefix);
  const exchange = nest.name('events');
  nest.sweep(`${queue}.parked`, `${queue}.retry.50`);
  const topology = {
    exchanges: [topicExchange(exchange)],
    queues: [quorumQueue(queue)],
    bindings: [bindQueue(queue, exchange, '#')],
  };
  return { queue, exchange, topology };
}

const once = { retry: false } as const;
const again = { retry: { attempts: 2, backoff: fixed(50) } } as const;

function failuresOf(app: INestApplicationContext): Inbox<ConsumerFailure> {
  const failures = new Inbox<ConsumerFailure>();
  app.get(AmqpConsumerRegistry, { strict: false }).failures$.subscribe(failures.add);
  return failures;
}

async function untilDecided(failures: Inbox<ConsumerFailure>, decision: ConsumerFailure['decision']) {
  for (;;) {
    const failure = await failures.next();
    if (failure.decision === decision) return failure;
  }
}

/** Starts two handlers of a queue and parks a message of `onCreated`, which handles it from then on. */
async function parkOne() {
  const { queue, exchange, topology } = place();
  const got = new Inbox<Got>();
  let broken = true;
  const fail: Work = () => {
    if (broken) throw new Error('not yet');
  };
  const entries: Entry[] = [
    ['onCreated', { routingKey: 'order.created', ...once }],
    ['onRest', {}],
  ];
  const app = await nest.start({ providers: [classOf(queue, entries, got, fail)] }, { topology });
  const failures = failuresOf(app);
  await publisherOf(app).publish(exchange, 'order.created', 1);
  await untilDecided(failures, 'park');
  broken = false;
  return { app, queue, got };
}

const byMethod = (all: readonly Got[]): string[] => all.map(({ by, key }) => `${by} ${key}`);

describe('handlers of one queue that name a routing key', () => {
  it('share one consumer: each gets what fits, the most specific first, in one order', async () => {
    const { queue, exchange, topology } = place();
    const got = new Inbox<Got>();
    const Orders = classOf(
      queue,
      [
        ['onAny', { routingKey: 'order.#', concurrency: 1 }],
        ['onCreated', { routingKey: 'order.created' }],
        ['onEu', { routingKey: ['order.eu.*', 'invoice.eu.*'], prefetch: 7 }],
      ],
      got,
    );
    const app = await nest.start({ providers: [Orders] }, { topology });
    const keys = ['order.created', 'order.eu.paid', 'order.us.paid', 'invoice.eu.paid', 'order.created', 'order'];
    for (const key of keys) await publisherOf(app).publish(exchange, key, key);
    expect(byMethod(await got.take(keys.length))).toEqual([
      'onCreated order.created',
      'onEu order.eu.paid',
      'onAny order.us.paid',
      'onEu invoice.eu.paid',
      'onCreated order.created',
      'onAny order',
    ]);
    expect((await nest.channel.queueDeclare(queue, { passive: true })).consumerCount).toBe(1);
    expect(nest.lines.with(`Consuming queue '${queue}'`)).toEqual([
      `LOG Consuming queue '${queue}' in Orders.onAny, Orders.onCreated and Orders.onEu, prefetch 7`,
    ]);
  });

  it('may be in several classes, and the consumer is found by each of its handlers', async () => {
    const { queue, exchange, topology } = place();
    const got = new Inbox<string>();

    @Injectable()
    class Billing {
      @AmqpConsumer(queue, { routingKey: 'order.paid' })
      onPaid(@Payload() id: string): void {
        got.add(`Billing ${id}`);
      }
    }

    @Injectable()
    class Shipping {
      @AmqpConsumer(queue, { routingKey: 'order.packed' })
      @AmqpConsumer(queue, { routingKey: 'order.sent' })
      onMoved(@Payload() id: string): void {
        got.add(`Shipping ${id}`);
      }
    }

    const app = await nest.start({ providers: [Billing, Shipping] }, { topology });
    const publisher = publisherOf(app);
    await publisher.publish(exchange, 'order.sent', 'a');
    expect(await got.next()).toBe('Shipping a');
    await publisher.publish(exchange, 'order.paid', 'b');
    expect(await got.next()).toBe('Billing b');
    const registry = app.get(AmqpConsumerRegistry);
    const handlers = ['Billing.onPaid', 'Shipping.onMoved'];
    expect(registry.list()).toMatchObject([{ handler: 'Billing.onPaid and Shipping.onMoved', handlers }]);
    await registry.pause({ handler: 'Shipping.onMoved' });
    expect(registry.list({ handler: 'Billing.onPaid' })).toMatchObject([{ state: 'paused' }]);
  });

  it('refuse what fits none: it is parked with a reason that lists the patterns', async () => {
    const { queue, exchange, topology } = place();
    const got = new Inbox<Got>();
    const Orders = classOf(queue, [['onCreated', { routingKey: 'order.created' }], ['onPaid', { routingKey: '*.paid' }]], got); // prettier-ignore
    const app = await nest.start({ providers: [Orders] }, { topology });
    const failures = failuresOf(app);
    await publisherOf(app).publish(exchange, 'order.deleted', 1, { messageId: 'm-1' });
    const { cause, reason, attempt } = await untilDecided(failures, 'park');
    const message = `no handler of queue '${queue}' takes routing key 'order.deleted'; there are handlers for 'order.created', '*.paid'`;
    expect(cause).toBeInstanceOf(NoHandlerError);
    expect(cause).toMatchObject({ queue, by: 'routing key', value: 'order.deleted' });
    expect([reason, attempt]).toEqual([`NoHandlerError: ${message}`, 1]);
    const [parked] = await app.get(ParkingLot, { strict: false }).list(queue);
    expect(parked).toMatchObject({ messageId: 'm-1', lastFailure: { message: `NoHandlerError: ${message}` } });
    expect(got.all).toEqual([]);
  });

  it('leave what fits none to the handler without a key', async () => {
    const { queue, exchange, topology } = place();
    const got = new Inbox<Got>();
    const Orders = classOf(
      queue,
      [
        ['onRest', {}],
        ['onCreated', { routingKey: 'order.created' }],
      ],
      got,
    );
    const app = await nest.start({ providers: [Orders] }, { topology });
    for (const key of ['order.deleted', 'order.created']) await publisherOf(app).publish(exchange, key, 1);
    expect(byMethod(await got.take(2)).toSorted()).toEqual(['onCreated order.created', 'onRest order.deleted']);
    expect((await nest.channel.queueDeclare(queue, { passive: true })).consumerCount).toBe(1);
  });

  it('have their own guards, and failures name the handler that failed', async () => {
    const { queue, exchange, topology } = place();

    @Injectable()
    class Nobody implements CanActivate {
      canActivate(): boolean {
        throw new ForbiddenException('nobody may');
      }
    }

    @Injectable()
    class Orders {
      @AmqpConsumer(queue, { routingKey: 'order.created', ...once })
      onCreated(): void {
        throw new Error('no funds');
      }

      @UseGuards(Nobody)
      @AmqpConsumer(queue, { routingKey: 'order.guarded' })
      onGuarded(): void {}
    }

    const app = await nest.start({ providers: [Orders, Nobody] }, { topology });
    const failures = failuresOf(app);
    await publisherOf(app).publish(exchange, 'order.guarded', 1);
    expect(await failures.next()).toMatchObject({ consumer: 'Orders.onGuarded', reason: expect.stringContaining('nobody may') }); // prettier-ignore
    await publisherOf(app).publish(exchange, 'order.created', 1);
    expect(await failures.next()).toMatchObject({ consumer: 'Orders.onCreated', reason: 'Error: no funds' });
    expect(nest.lines.with('failed in Orders.onCreated, attempt 1')).toHaveLength(1);
  });

  it('are told apart by traces', async () => {
    const { queue, exchange, topology } = place();
    const names = new Inbox<unknown>();
    const subscribers = { start: (message: unknown) => names.add((message as { handler?: string }).handler) };
    const got = new Inbox<Got>();
    const entries: Entry[] = [
      ['onCreated', { routingKey: 'order.created', concurrency: 1 }],
      ['onPaid', { routingKey: 'order.paid' }],
    ];
    const app = await nest.start({ providers: [classOf(queue, entries, got)] }, { topology });
    const process = tracingChannel('nest-amqp:process');
    process.subscribe(subscribers as never);
    try {
      for (const key of ['order.paid', 'order.created']) await publisherOf(app).publish(exchange, key, 1);
      expect(await names.take(2)).toEqual(['Orders.onPaid', 'Orders.onCreated']);
    } finally {
      process.unsubscribe(subscribers as never);
    }
  });
});

describe('handlers of one queue that are selected otherwise', () => {
  it('get messages by their type', async () => {
    const { queue, topology } = place();
    const got = new Inbox<Got>();
    const Orders = classOf(queue, [['onCreated', { type: 'order.created.*' }], ['onPaid', { type: 'order.paid' }]], got); // prettier-ignore
    const app = await nest.start({ providers: [Orders] }, { topology });
    const failures = failuresOf(app);
    for (const type of ['order.created.v2', 'order.paid']) await publisherOf(app).sendToQueue(queue, type, { type });
    expect((await got.take(2)).map(({ by, payload }) => [by, payload]).toSorted()).toEqual([
      ['onCreated', 'order.created.v2'],
      ['onPaid', 'order.paid'],
    ]);
    await publisherOf(app).sendToQueue(queue, 'neither');
    expect((await untilDecided(failures, 'park')).reason).toContain('takes a message without type; there are handlers');
  });

  it('get messages by a header', async () => {
    const { queue, topology } = place();
    const got = new Inbox<Got>();
    const Orders = classOf(
      queue,
      [
        ['onCreated', { header: { 'ce-type': 'com.shop.order.created' } }],
        ['onOther', { header: { 'ce-type': ['com.shop.#', '7'] } }],
      ],
      got,
    );
    const app = await nest.start({ providers: [Orders] }, { topology });
    const failures = failuresOf(app);
    const types = ['com.shop.order.created', 'com.shop.refund', 7];
    for (const type of types) await publisherOf(app).sendToQueue(queue, type, { headers: { 'ce-type': type } });
    expect((await got.take(3)).map(({ by, payload }) => [by, payload]).toSorted()).toEqual([
      ['onCreated', 'com.shop.order.created'],
      ['onOther', 7],
      ['onOther', 'com.shop.refund'],
    ]);
    await publisherOf(app).sendToQueue(queue, 'neither', { headers: { 'ce-type': 'org.shop' } });
    expect((await untilDecided(failures, 'park')).reason).toContain(
      "takes header 'ce-type' 'org.shop'; there are handlers",
    );
  });
});

describe('a message that comes back', () => {
  it('after a retry reaches the same handler', async () => {
    const { queue, exchange, topology } = place();
    const got = new Inbox<Got>();
    const fail: Work = (_, { attempt }) => {
      if (attempt === 1) throw new Error('not yet');
    };
    const entries: Entry[] = [
      ['onCreated', { routingKey: 'order.created', ...again }],
      ['onRest', {}],
    ];
    const app = await nest.start({ providers: [classOf(queue, entries, got, fail)] }, { topology });
    await publisherOf(app).publish(exchange, 'order.created', 1);
    expect(await got.take(2)).toEqual([
      { by: 'onCreated', payload: 1, key: 'order.created', attempt: 1 },
      { by: 'onCreated', payload: 1, key: 'order.created', attempt: 2 },
    ]);
  });

  it('after a redrive reaches the same handler', async () => {
    const { app, queue, got } = await parkOne();
    await app.get(ParkingLot, { strict: false }).redrive(queue);
    expect(byMethod(await got.take(2))).toEqual(['onCreated order.created', 'onCreated order.created']);
  });

  it('moved from the parked queue by hand reaches the same handler, and its context has the key it arrived with', async () => {
    const { queue, got } = await parkOne();
    // As a shovel does it: the headers stay, and nobody vouches for them.
    await eventually(async () => (await nest.ready(`${queue}.parked`)) > 0);
    const parked = (await nest.channel.basicGet(`${queue}.parked`))!;
    const { headers, contentType } = parked.properties;
    await nest.channel.publish('', queue, parked.body, { headers, contentType });
    parked.ack();
    expect(byMethod(await got.take(2))).toEqual(['onCreated order.created', `onCreated ${queue}`]);
  });

  it('through a dead-letter path of the application reaches the same handler', async () => {
    const { queue, exchange, topology } = place();
    const waiting = nest.name('waiting');
    const got = new Inbox<Got>();
    const entries: Entry[] = [
      ['onCreated', { routingKey: 'order.created', retry: { attempts: 1, then: 'dead-letter' } }],
      ['onRest', {}],
    ];
    const fail: Work = () => {
      if (got.all.length < 3) throw new Error('not yet');
    };
    const queues = [
      quorumQueue(queue, { deadLetterExchange: '', deadLetterRoutingKey: waiting }),
      quorumQueue(waiting, { messageTtl: 50, deadLetterExchange: '', deadLetterRoutingKey: queue }),
    ];
    const app = await nest.start(
      { providers: [classOf(queue, entries, got, fail)] },
      { topology: { ...topology, queues } },
    );
    await publisherOf(app).publish(exchange, 'order.created', 1);
    expect(byMethod(await got.take(3))).toEqual([
      'onCreated order.created',
      `onCreated ${queue}`,
      `onCreated ${queue}`,
    ]);
  });

  it('within the process, from an exclusive queue, reaches the same handler', async () => {
    const exchange = nest.name('events');
    const got = new Inbox<Got>();
    const fail: Work = (_, { attempt }) => {
      if (attempt === 1) throw new Error('not yet');
    };
    const entries: Entry[] = [['onChanged', { routingKey: 'product.*', bind: exchange, ...again }]];
    const topology = { exchanges: [topicExchange(exchange)], queues: [serverNamedQueue('cache')] };
    const app = await nest.start({ providers: [classOf('cache', entries, got, fail)] }, { topology });
    await publisherOf(app).publish(exchange, 'product.changed', 1);
    expect((await got.take(2)).map(({ by, attempt }) => `${by} ${attempt}`)).toEqual(['onChanged 1', 'onChanged 2']);
  });
});

describe('bind', () => {
  const bound = (queue: string, exchange: string): Entry[] => [
    ['onCreated', { routingKey: 'order.created', bind: exchange }],
    ['onPaid', { routingKey: ['order.*.paid', 'invoice.paid'] }],
    ['onRest', {}],
  ];

  it('binds the queue by exactly the keys that are handled', async () => {
    const { queue, exchange, topology } = place();
    const got = new Inbox<Got>();
    const Orders = classOf(queue, bound(queue, exchange), got);
    const app = await nest.start({ providers: [Orders] }, { topology: { ...topology, bindings: [] } });
    const publisher = publisherOf(app);
    for (const key of ['order.created', 'order.eu.paid', 'invoice.paid']) await publisher.publish(exchange, key, key);
    expect(byMethod(await got.take(3)).toSorted()).toEqual([
      'onCreated order.created',
      'onPaid invoice.paid',
      'onPaid order.eu.paid',
    ]);
    await expect(publisher.publish(exchange, 'order.deleted', 1)).rejects.toThrow(MessageReturnedError);
  });

  it.each([true, false])(
    'binds the queue again when it was deleted; the topology declares it: %p',
    async (declares) => {
      const { queue, exchange, topology } = place();
      const got = new Inbox<Got>();
      const Orders = classOf(queue, bound(queue, exchange), got);
      if (!declares) await nest.channel.queueDeclare(queue);
      const queues = declares ? topology.queues : [];
      const app = await nest.start({ providers: [Orders] }, { topology: { ...topology, queues, bindings: [] } });
      const registry = app.get(AmqpConsumerRegistry);
      await nest.channel.queueDelete(queue);
      if (!declares) await nest.channel.queueDeclare(queue);
      await eventually(async () => {
        const there = await nest.connection.withScratchChannel((channel) => channel.queueDeclare(queue, { passive: true })).catch(() => undefined); // prettier-ignore
        return there?.consumerCount === 1 && registry.list()[0]?.state === 'consuming';
      });
      await publisherOf(app).publish(exchange, 'order.eu.paid', 1);
      expect(byMethod([await got.next()])).toEqual(['onPaid order.eu.paid']);
    },
  );

  it('binds nothing if the topology is only verified', async () => {
    const { queue, exchange, topology } = place();
    await nest.channel.exchangeDeclare(exchange, 'topic');
    await nest.channel.queueDeclare(queue, { arguments: { 'x-queue-type': 'quorum' } });
    await nest.channel.queueDeclare(`${queue}.parked`);
    const entries: Entry[] = [['onCreated', { routingKey: 'order.created', bind: exchange, ...once }]];
    const Orders = classOf(queue, entries, new Inbox());
    const app = await nest.start({ providers: [Orders] }, { topology: { ...topology, declare: 'verify' } });
    await expect(publisherOf(app).publish(exchange, 'order.created', 1)).rejects.toThrow(MessageReturnedError);
  });

  it('fails the start if the exchange is missing', async () => {
    const { queue, topology } = place();
    const Orders = classOf(queue, [['onCreated', { routingKey: 'order.created', bind: 'nowhere' }]], new Inbox());
    const error = await errorOf(nest.start({ providers: [Orders] }, { topology, startupTimeout: 2_000 }));
    expect(error.message).toContain(
      `binding of queue '${queue}' to exchange 'nowhere' with routing key 'order.created'`,
    );
  });
});

describe('@AmqpRpc() with a routing key', () => {
  async function prices() {
    const { queue, exchange, topology } = place();
    const got = new Inbox<string>();

    @Injectable()
    class Prices {
      @AmqpRpc(queue, { routingKey: 'price.net' })
      net(@Payload() cents: number): number {
        return cents;
      }

      @AmqpRpc(queue, { routingKey: 'price.gross' })
      gross(@Payload() cents: number): number {
        return cents * 1.2;
      }

      @AmqpConsumer(queue, { routingKey: 'price.changed' })
      onChanged(@Payload() name: string, @Ctx() context: AmqpContext): string {
        got.add(`${name} ${context.properties.replyTo === undefined ? 'unasked' : 'asked'}`);
        return 'never sent';
      }
    }

    const app = await nest.start({ providers: [Prices] }, { topology });
    return { queue, exchange, app, publisher: publisherOf(app), got };
  }

  it('answers each request by its handler', async () => {
    const { exchange, publisher } = await prices();
    await expect(publisher.request(exchange, 'price.net', 100)).resolves.toBe(100);
    await expect(publisher.request(exchange, 'price.gross', 100)).resolves.toBe(120);
  });

  it('answers a request that fits none with an error, and does not park it', async () => {
    const { exchange, publisher, queue, app } = await prices();
    const failures = failuresOf(app);
    const error = await errorOf(publisher.request(exchange, 'price.none', 1));
    expect(error).toBeInstanceOf(RpcRemoteError);
    expect(error.message).toContain('internal error');
    expect(await failures.next()).toMatchObject({
      decision: 'answer',
      reason: expect.stringContaining(`no handler of queue '${queue}' takes routing key 'price.none'`),
      errorId: error['errorId'],
    });
  });

  it('may share its queue with events, which are not answered', async () => {
    const { exchange, publisher, got, queue } = await prices();
    await publisher.publish(exchange, 'price.changed', 'lamp', { replyTo: queue });
    await publisher.publish(exchange, 'price.changed', 'bulb');
    expect((await got.take(2)).toSorted()).toEqual(['bulb unasked', 'lamp asked']);
    // An answer would come back to the queue, and fit no handler.
    await expect(publisher.request(exchange, 'price.net', 1)).resolves.toBe(1);
    expect(await nest.ready(queue)).toBe(0);
    expect(nest.lines.with('no handler')).toEqual([]);
  });
});

describe('handlers that cannot share a consumer', () => {
  const start = (queue: string, entries: readonly Entry[], amqp: Partial<AmqpModuleOptions> = {}): Promise<Error> =>
    errorOf(nest.start({ providers: [classOf(queue, entries, new Inbox())] }, { topology: { queues: [classicQueue(queue)] }, ...amqp })); // prettier-ignore
  const key = (routingKey: string, options: ConsumerOptions = {}): ConsumerOptions => ({ routingKey, ...options });

  it.each<[string, Entry[], string]>([
    ['different options', [['onA', key('a', { prefetch: 5 })], ['onB', key('b', { prefetch: 6 })]], 'Orders.onA and Orders.onB share the consumer of queue $q, and their prefetch differs: the number 5, and the number 6.'],
    ['different retries', [['onA', key('a', once)], ['onB', {}], ['onC', key('c', again)]], 'Orders.onA and Orders.onC share the consumer of queue $q, and their retry differs'],
    ['the same key', [['onA', key('a.*')], ['onB', { routingKey: ['b', 'a.*'] }]], "Orders.onA and Orders.onB both handle routing key 'a.*' of queue $q"],
    ['one key twice', [['onA', { routingKey: ['a', 'a'] }]], "Orders.onA handles routing key 'a' of queue $q twice. It is named twice"],
    ['two handlers for the rest', [['onA', key('a')], ['onB', {}], ['onC', {}]], 'Orders.onB and Orders.onC are both the handler of the messages of queue $q that fit no pattern'],
    ['different selections', [['onA', key('a')], ['onB', { type: 'b' }]], 'Orders.onA and Orders.onB share the consumer of queue $q, and are selected by routing key and by type'],
    ['different headers', [['onA', { header: { a: 'x' } }], ['onB', { header: { b: 'x' } }]], "are selected by header 'a' and by header 'b'"],
    ['two selections of one handler', [['onA', { routingKey: 'a', type: 'a' }]], 'Orders.onA: routingKey and type exclude each other'],
    ['bind without keys', [['onA', { bind: 'events' }]], 'Orders.onA: bind binds queue $q by the routing keys of its handlers, and none of them has one'],
    ['bind by type', [['onA', { type: 'a', bind: 'events' }]], 'Orders.onA: bind makes bindings of routing keys; it cannot be used with type'],
    ['no key', [['onA', { routingKey: [] }]], 'Orders.onA: routingKey must be a string or an array of them'],
    ['an empty type', [['onA', { type: '' }]], 'Orders.onA: type must be a string that is not empty or an array of them'],
    ['two headers', [['onA', { header: { a: 'x', b: 'x' } }]], "Orders.onA: header must be an object with one header, such as { 'ce-type': 'order.*' }"],
  ])('fail the start: %s', async (_, entries, message) => {
    const queue = nest.name();
    const error = await start(queue, entries);
    expect(error.message).toContain(message.replace('$q', `'${queue}'`));
  }); // prettier-ignore

  it('fail the start: a pattern that a direct exchange would take for a key', async () => {
    const queue = nest.name();
    const topology = { exchanges: [directExchange('events')], queues: [classicQueue(queue)] };
    const error = await start(queue, [['onA', { routingKey: 'a.*', bind: 'events' }]], { topology });
    await nest.channel.exchangeDelete('events');
    expect(error.message).toContain("by the pattern 'a.*': 'events' is a direct exchange");
  });

  it('fail the start: a batch, and requests with ack: manual', async () => {
    const queue = nest.name();

    @Injectable()
    class Batches {
      @AmqpConsumer(queue, { routingKey: 'a' })
      onOne(): void {}

      @AmqpBatchConsumer(queue, { size: 2 })
      onMany(): void {}
    }

    @Injectable()
    class Requests {
      @AmqpConsumer(queue, { routingKey: 'a', ack: 'manual' })
      onOne(): void {}

      @AmqpRpc(queue, { routingKey: 'b' })
      answer(): void {}
    }

    const topology = { queues: [classicQueue(queue)] };
    const first = await errorOf(nest.start({ providers: [Batches] }, { topology }));
    expect(first.message).toContain(`Batches.onMany takes messages of queue '${queue}' in batches, and cannot share the consumer of Batches.onOne`); // prettier-ignore
    const second = await errorOf(nest.start({ providers: [Requests] }, { topology }));
    expect(second.message).toContain('Requests.onOne and Requests.answer share the consumer');
    expect(second.message).toContain("requests cannot have ack: 'manual'");
  });

  it('fail the start: a class that two modules provide', async () => {
    const queue = nest.name();
    const Orders = classOf(queue, [['onA', key('a')]], new Inbox());
    class Other {}
    const module = { module: Other, providers: [Orders] };
    const { AmqpModule } = await import('nest-amqp');
    const amqp = AmqpModule.forRoot({ url: nest.rabbit.url, topology: { queues: [classicQueue(queue)] } });
    const error = await errorOf(nest.start({ imports: [amqp, module], providers: [Orders] }));
    expect(error.message).toContain(
      "Orders.onA handles routing key 'a' of queue '" + queue + "' twice. Two modules provide its class",
    );
  });
});

describe('handlers of one queue without a key', () => {
  it('compete, and a line at the start says so', async () => {
    const { queue, topology } = place();
    const got = new Inbox<Got>();
    const Orders = classOf(
      queue,
      [
        ['onA', { prefetch: 1 }],
        ['onB', { prefetch: 1 }],
      ],
      got,
    );
    const app = await nest.start({ providers: [Orders] }, { topology });
    expect((await nest.channel.queueDeclare(queue, { passive: true })).consumerCount).toBe(2);
    expect(nest.lines.with('compete')).toEqual([
      `LOG Orders.onA and Orders.onB compete for the messages of queue '${queue}': each message goes to one of them. With a ` +
        'routingKey each gets the messages that are meant for it.',
    ]);
    for (let id = 0; id < 4; id++) await publisherOf(app).sendToQueue(queue, id);
    expect((await got.take(4)).map(({ payload }) => payload).toSorted()).toEqual([0, 1, 2, 3]);
  });
});
