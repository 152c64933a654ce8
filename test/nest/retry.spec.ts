import { Buffer } from 'node:buffer';
import {
  BadRequestException,
  Catch,
  Injectable,
  ParseIntPipe,
  UseFilters,
  UseGuards,
  type CanActivate,
  type ExceptionFilter,
} from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { firstValueFrom } from 'rxjs';
import {
  AmqpConsumer,
  AmqpConsumerRegistry,
  AmqpHealthIndicator,
  bindQueue,
  classicQueue,
  ConsumerStartError,
  exponential,
  fanoutExchange,
  fixed,
  MissingQueueError,
  Payload,
  quorumQueue,
  RejectMessage,
  RequeueMessage,
  RetryMessage,
  topicExchange,
  type AmqpContext,
  type AmqpModuleOptions,
  type ConsumerFailure,
} from 'nest-amqp';
import { NotFoundError, typed } from 'nest-amqp/client';
import { ManualClock } from '../client/support/manual-clock.js';
import { publisherOf } from './support/nest-harness.js';
import { useRetries } from './support/retries.js';
import { Inbox } from '../support/inbox.js';

/** Milliseconds of a delay that exceeds every test on the machine's clock. */
const HOUR = 3_600_000;
const soon = { attempts: 3, backoff: fixed(50) };

describe('retry', () => {
  const { nest, queueWith, consumerOf, only, parkedOf } = useRetries();

  const quorum = (queue: string): Partial<AmqpModuleOptions> => ({ topology: { queues: [quorumQueue(queue)] } });

  /** Makes an application declare the queues that a message of a failing handler passes. */
  async function leaveQueuesOf(queue: string): Promise<void> {
    const billing = consumerOf(queue, { retry: { ...soon, attempts: 2 } }, () => {
      throw new Error('no');
    });
    const app = await nest.start({ providers: [billing] }, quorum(queue));
    await publisherOf(app).sendToQueue(queue, 'x');
    await parkedOf(queue);
    await nest.close(app);
  }

  it('delivers a message to the handler again after a delay, as it was published, with its attempt and failures', async () => {
    const queue = queueWith();
    const exchange = nest.name('orders');
    const seen = new Inbox<AmqpContext>();
    const topology = {
      exchanges: [topicExchange(exchange)],
      queues: [quorumQueue(queue)],
      bindings: [bindQueue(queue, exchange, 'order.*')],
    };
    const billing = consumerOf(queue, { retry: soon }, (_, context) => {
      seen.add(context);
      if (context.attempt < 3) throw new Error(`failure ${context.attempt}`);
    });
    const app = await nest.start({ providers: [billing] }, { topology });
    const properties = { messageId: 'm-1', type: 'order', expiration: '60000', correlationId: 'c', priority: 3 };
    await publisherOf(app).publish(
      exchange,
      'order.created',
      { id: 1 },
      { ...properties, headers: { tenant: 'acme' } },
    );

    const contexts = await seen.take(3);
    expect(contexts.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    for (const context of contexts) {
      expect(context).toMatchObject({ exchange, routingKey: 'order.created', queue });
      expect(context.properties).toEqual(contexts[0]!.properties);
      expect(context.properties).toMatchObject(properties);
      expect(context.headers).toEqual({ tenant: 'acme' });
    }
    const [first, second, third] = contexts;
    expect(first!.lastFailure).toBeUndefined();
    expect(second!.lastFailure).toEqual({
      message: 'Error: failure 1',
      stack: expect.stringContaining('    at '),
      time: expect.any(Date),
    });
    expect(third!.firstFailure).toEqual(second!.lastFailure);
    expect(third!.lastFailure!.message).toBe('Error: failure 2');
    await nest.close(app);
    expect(await nest.ready(queue)).toBe(0);
  });

  it('keeps the headers byte for byte and the body, without a trace of its delay queues', async () => {
    const queue = queueWith();
    const seen = new Inbox<AmqpContext>();
    const billing = consumerOf(queue, { retry: { ...soon, attempts: 2 } }, (_, context) => {
      seen.add(context);
      throw new Error('again');
    });
    await nest.start({ providers: [billing] }, quorum(queue));
    const headers = {
      a: typed('uint8', 5),
      b: typed('int64', 5),
      c: typed('float', 0.5),
      d: { e: [typed('int16', 1)] },
    };
    const body = Buffer.from([0, 255, 1]);
    await nest.channel.publish('', queue, body, { headers, deliveryMode: 1, timestamp: new Date(5_000), appId: 'x' });
    const [first] = await seen.take(2);
    const parked = await parkedOf(queue);
    expect(parked.body).toEqual(body);
    const { 'x-nest-amqp-retry': history, ...encoded } = parked.encodedHeaders;
    expect(encoded).toEqual(first!.delivery.encodedHeaders);
    expect(history).toBeDefined();
    expect(parked.properties).toMatchObject({ deliveryMode: 1, timestamp: new Date(5_000), appId: 'x' });
  });

  it('keeps the history of other dead-letterings', async () => {
    const queue = queueWith();
    const before = nest.name('before');
    const topology = {
      queues: [
        classicQueue(before, { messageTtl: 1, deadLetterExchange: '', deadLetterRoutingKey: queue }),
        quorumQueue(queue),
      ],
    };
    const seen = new Inbox<AmqpContext>();
    const billing = consumerOf(queue, { retry: soon }, (_, context) => {
      seen.add(context);
      throw new Error('again');
    });
    const app = await nest.start({ providers: [billing] }, { topology });
    await publisherOf(app).sendToQueue(before, 'x', { headers: { tenant: 'acme' } });
    const [first, second, third] = await seen.take(3);
    expect(first!.headers).toMatchObject({ tenant: 'acme', 'x-death': [{ queue: before, reason: 'expired' }] });
    expect(second!.headers['x-death']).toEqual(first!.headers['x-death']);
    expect(third!.headers['x-death']).toEqual(first!.headers['x-death']);
    expect(third!.headers['x-first-death-queue']).toBe(before);
  });

  it('counts from one for the consumer of another queue to which the message was dead-lettered', async () => {
    const queue = queueWith();
    const other = queueWith();
    const seen = new Inbox<AmqpContext>();
    const billing = consumerOf(queue, { retry: { ...soon, then: 'dead-letter' } }, () => {
      throw new Error('again');
    });
    const audit = consumerOf(other, { retry: soon }, (_, context) => seen.add(context));
    const topology = {
      queues: [quorumQueue(queue, { deadLetterExchange: '', deadLetterRoutingKey: other }), quorumQueue(other)],
    };
    const app = await nest.start({ providers: [billing, audit] }, { topology });
    await publisherOf(app).sendToQueue(queue, 'x');
    const context = await seen.next();
    expect(context).toMatchObject({ attempt: 1, lastFailure: undefined, routingKey: other });
    expect(context.headers['x-nest-amqp-retry']).toMatchObject({ queue, failed: 2 });
  });

  it('removes properties that would send copies, be refused or let the message expire, but shows them to the handler', async () => {
    const queue = queueWith();
    const copies = nest.name('copies');
    const seen = new Inbox<AmqpContext>();
    const billing = consumerOf(queue, { retry: { ...soon, attempts: 2 } }, (_, context) => {
      seen.add(context);
      throw new Error('again');
    });
    const topology = { queues: [quorumQueue(queue), classicQueue(copies)] };
    await nest.start({ providers: [billing] }, { topology });
    const userId = new URL(nest.rabbit.url).username || 'guest';
    await nest.channel.publish('', queue, 'x', { headers: { CC: [copies] }, userId, expiration: '5000' });
    const [first, second] = await seen.take(2);
    expect(first!.properties).toEqual({ headers: { CC: [copies] }, userId, expiration: '5000' });
    // Any client can write a header; only the broker vouches for the origin of a message.
    expect(second!.properties).toEqual({ headers: { CC: [copies] }, expiration: '5000' });
    const parked = await parkedOf(queue);
    expect(parked.properties).toEqual({
      headers: {
        'x-nest-amqp-retry': expect.objectContaining({ cc: [copies], 'user-id': userId, expiration: '5000' }),
      },
    });
    expect(await nest.ready(copies)).toBe(1);
  });

  it('omits stacks from headers without room for them', async () => {
    const queue = queueWith([]);
    const billing = consumerOf(queue, { retry: false }, () => {
      throw new Error('no');
    });
    await nest.start({ providers: [billing] }, quorum(queue));
    const room = nest.connection.frameMax;
    await nest.channel.publish('', queue, 'x', { headers: { big: 'x'.repeat(room - 600) } });
    const { headers } = (await parkedOf(queue)).properties;
    expect(headers!['x-nest-amqp-retry']).toMatchObject({ 'last-failure': { message: 'Error: no' } });
    expect(headers!['x-nest-amqp-retry']).not.toMatchObject({ 'last-failure': { stack: expect.anything() } });
  });

  it('parks a message after its last attempt, with its first and last failure; the next one is handled', async () => {
    const queue = queueWith();
    const handled = new Inbox();
    const billing = consumerOf(queue, { prefetch: 1, retry: soon }, (payload, { attempt }) => {
      if (payload === 'bad') throw new TypeError(`failure ${attempt}`);
      handled.add(payload);
    });
    const app = await nest.start({ providers: [billing] }, quorum(queue));
    const failures = new Inbox<ConsumerFailure>();
    app.get(AmqpConsumerRegistry, { strict: false }).failures$.subscribe(failures.add);
    await publisherOf(app).sendToQueue(queue, 'bad', { messageId: 'm-1' });
    await publisherOf(app).sendToQueue(queue, 'good');
    // The message does not wait behind the failing one, not even with a prefetch of 1.
    expect(await handled.next()).toBe('good');
    const parked = await parkedOf(queue);
    expect(parked.text()).toBe('bad');
    expect(parked.properties.headers!['x-nest-amqp-retry']).toEqual({
      failed: 3,
      queue,
      exchange: '',
      'routing-key': queue,
      'first-failure': { message: 'TypeError: failure 1', stack: expect.any(String), time: expect.any(Date) },
      'last-failure': { message: 'TypeError: failure 3', stack: expect.any(String), time: expect.any(Date) },
    });
    const common = { consumer: 'Billing.onOrder', queue, messageId: 'm-1', cause: expect.any(TypeError) };
    expect(await failures.take(3)).toEqual([
      { ...common, attempt: 1, reason: 'TypeError: failure 1', decision: 'retry', delay: 50 },
      { ...common, attempt: 2, reason: 'TypeError: failure 2', decision: 'retry', delay: 50 },
      { ...common, attempt: 3, reason: 'TypeError: failure 3', decision: 'park', delay: undefined },
    ]);
    const where = `Message 'm-1' of queue '${queue}' failed in Billing.onOrder, attempt`;
    expect(nest.lines.with('m-1').map((line) => line.replace(/\n {4}at [^]*$/, ' with its stack'))).toEqual([
      `WARN ${where} 1 of 3: TypeError: failure 1; retried in 50 ms with its stack`,
      `WARN ${where} 2 of 3: TypeError: failure 2; retried in 50 ms`,
      `ERROR ${where} 3 of 3: TypeError: failure 3; parked in '${queue}.parked' with its stack`,
    ]);
  });

  it('without options: logs the first of three attempts; the consumer has only its own queue until a message fails', async () => {
    const queue = queueWith([500, 1000]);
    const handled = new Inbox();
    const failures = new Inbox<ConsumerFailure>();
    const billing = consumerOf(queue, {}, (payload, { attempt }) => {
      handled.add([payload, attempt]);
      if (payload === 'bad' && attempt === 1) throw new Error('no');
    });
    const app = await nest.start({ providers: [billing] }, quorum(queue));
    app.get(AmqpConsumerRegistry, { strict: false }).failures$.subscribe(failures.add);
    await publisherOf(app).sendToQueue(queue, 'good');
    await handled.next();
    const beside = ['parked', 'retry.500', 'retry.1000', 'retry.2000'].map((suffix) => `${queue}.${suffix}`);
    for (const name of beside) await expect(nest.ready(name)).rejects.toThrow(NotFoundError);

    await publisherOf(app).sendToQueue(queue, 'bad');
    const { delay } = await failures.next();
    expect([500, 1000]).toContain(delay);
    expect(await handled.take(2)).toEqual([['bad', 1], ['bad', 2]]); // prettier-ignore
    const used = `${queue}.retry.${delay}`;
    expect(await nest.ready(used)).toBe(0);
    for (const name of beside) if (name !== used) await expect(nest.ready(name)).rejects.toThrow(NotFoundError);
    expect(nest.lines.with('attempt 1 of 3: Error: no')).toHaveLength(1);
  });

  it('retry: false parks at the first failure', async () => {
    const queue = queueWith([]);
    let calls = 0;
    const billing = consumerOf(queue, { retry: false }, () => {
      calls++;
      throw new Error('no');
    });
    const app = await nest.start({ providers: [billing] }, quorum(queue));
    await publisherOf(app).sendToQueue(queue, 1);
    await parkedOf(queue);
    expect(calls).toBe(1);
  });

  it.each(['dead-letter', 'discard'] as const)('then: %s ends it without a parked queue', async (then) => {
    const queue = queueWith();
    const dead = nest.name('dead');
    const exchange = nest.name('dlx');
    const topology = {
      exchanges: [fanoutExchange(exchange)],
      queues: [quorumQueue(queue, { deadLetterExchange: exchange }), classicQueue(dead)],
      bindings: [bindQueue(dead, exchange)],
    };
    const failures = new Inbox<ConsumerFailure>();
    const billing = consumerOf(queue, { retry: { ...soon, attempts: 2, then } }, () => {
      throw new Error('no');
    });
    const app = await nest.start({ providers: [billing] }, { topology });
    app.get(AmqpConsumerRegistry, { strict: false }).failures$.subscribe(failures.add);
    await publisherOf(app).sendToQueue(queue, 'x');
    expect((await failures.take(2)).map(({ decision }) => decision)).toEqual(['retry', then]);
    if (then === 'dead-letter') expect((await only(dead)).text()).toBe('x');
    await nest.close(app);
    expect(await nest.ready(queue)).toBe(0);
    await expect(nest.ready(`${queue}.parked`)).rejects.toThrow('404');
  });

  it('RejectMessage rejects at once', async () => {
    const queue = queueWith();
    const dead = nest.name('dead');
    const topology = {
      queues: [quorumQueue(queue, { deadLetterExchange: '', deadLetterRoutingKey: dead }), classicQueue(dead)],
    };
    const billing = consumerOf(queue, { retry: soon }, () => {
      throw new RejectMessage('not mine');
    });
    const app = await nest.start({ providers: [billing] }, { topology });
    await publisherOf(app).sendToQueue(queue, 'x', { messageId: 'm' });
    expect((await only(dead)).text()).toBe('x');
    expect(nest.lines.with("'m'")).toEqual([expect.stringContaining('RejectMessage: not mine; rejected')]);
  });

  it('RequeueMessage requeues the message, with a pause between repetitions', async () => {
    const queue = queueWith();
    const times: number[] = [];
    const done = new Inbox();
    const billing = consumerOf(queue, { retry: soon }, (_, { delivery, attempt }) => {
      times.push(performance.now());
      if (times.length < 3) throw new RequeueMessage();
      done.add([delivery.redelivered, attempt]);
    });
    const app = await nest.start({ providers: [billing] }, quorum(queue));
    await publisherOf(app).sendToQueue(queue, 'x');
    expect(await done.next()).toEqual([true, 1]);
    expect(times[2]! - times[1]!).toBeGreaterThan(990);
  });

  it('RetryMessage waits for its own delay, beyond the attempts of the policy; declares the queue that it needs', async () => {
    const queue = queueWith([100]);
    const seen = new Inbox<number>();
    const billing = consumerOf(queue, { retry: false }, (_, { attempt }) => {
      seen.add(attempt);
      if (attempt < 4) throw new RetryMessage('80ms');
    });
    const app = await nest.start({ providers: [billing] }, quorum(queue));
    await publisherOf(app).sendToQueue(queue, 'x');
    expect(await seen.take(4)).toEqual([1, 2, 3, 4]);
    expect(await nest.ready(`${queue}.retry.100`)).toBe(0);
  });

  describe('refusals', () => {
    class Deny implements CanActivate {
      canActivate(): boolean {
        return false;
      }
    }

    class Broken implements CanActivate {
      canActivate(): never {
        throw new Error('the database is away');
      }
    }

    @Catch()
    class Translate implements ExceptionFilter {
      catch(): never {
        throw new Error('translated');
      }
    }

    /** Returns whether a message is parked at once or retried, and how often the handler was called. */
    async function outcome(
      type: (queue: string, called: () => void) => new () => object,
      body: unknown,
    ): Promise<object> {
      const queue = queueWith();
      let calls = 0;
      const app = await nest.start({ providers: [type(queue, () => calls++)] }, quorum(queue));
      await nest.channel.publish('', queue, String(body), { contentType: 'application/json' });
      const parked = await parkedOf(queue);
      await nest.close(app);
      const { failed } = parked.properties.headers!['x-nest-amqp-retry'] as { failed: number };
      return { attempts: failed, calls };
    }

    const retry = { attempts: 2, backoff: fixed(50) };

    it('an undecodable message is parked at once', async () => {
      const type = (queue: string, called: () => void): new () => object => consumerOf(queue, { retry }, called);
      expect(await outcome(type, '{"card":"4111')).toEqual({ attempts: 1, calls: 0 });
      expect(nest.lines.with('4111')).toEqual([]);
    });

    it('a message that a guard refuses is parked at once', async () => {
      const type = (queue: string, called: () => void): new () => object => {
        @Injectable()
        class Billing {
          @AmqpConsumer(queue, { retry })
          @UseGuards(Deny)
          onOrder(): void {
            called();
          }
        }
        return Billing;
      };
      expect(await outcome(type, 1)).toEqual({ attempts: 1, calls: 0 });
    });

    it('an error of a guard is not a refusal', async () => {
      const type = (queue: string, called: () => void): new () => object => {
        @Injectable()
        class Billing {
          @AmqpConsumer(queue, { retry })
          @UseGuards(Broken)
          onOrder(): void {
            called();
          }
        }
        return Billing;
      };
      expect(await outcome(type, 1)).toEqual({ attempts: 2, calls: 0 });
    });

    it('a message that a pipe refuses is parked at once, also when a filter replaces the error', async () => {
      const type = (queue: string, called: () => void): new () => object => {
        @Injectable()
        class Billing {
          @AmqpConsumer(queue, { retry })
          @UseFilters(Translate)
          onOrder(@Payload('id', ParseIntPipe) _id: number): void {
            called();
          }
        }
        return Billing;
      };
      expect(await outcome(type, '{"id":"three"}')).toEqual({ attempts: 1, calls: 0 });
    });

    it("a handler's own BadRequestException is a failure like any other", async () => {
      const type = (queue: string, called: () => void): new () => object =>
        consumerOf(queue, { retry }, () => {
          called();
          throw new BadRequestException();
        });
      expect(await outcome(type, 1)).toEqual({ attempts: 2, calls: 2 });
    });
  });

  describe("ack: 'manual'", () => {
    it('leaves the settlement to the handler, which may settle repeatedly', async () => {
      const queue = queueWith();
      const seen = new Inbox<AmqpContext>();
      const billing = consumerOf(queue, { ack: 'manual', prefetch: 1, retry: soon }, (_, context) => seen.add(context));
      const app = await nest.start({ providers: [billing] }, quorum(queue));
      await publisherOf(app).sendToQueue(queue, 1);
      await publisherOf(app).sendToQueue(queue, 2);
      const first = await seen.next();
      expect(first.delivery.settled).toBe(false);
      expect(await nest.ready(queue)).toBe(1);
      first.ack();
      first.ack();
      first.nack();
      first.reject();
      const second = await seen.next();
      second.nack();
      second.ack();
      const again = await seen.next();
      expect(again.delivery).toMatchObject({ redelivered: true, body: second.delivery.body });
      again.reject();
      await nest.close(app);
      expect(await nest.ready(queue)).toBe(0);
    });

    it('an error before the settlement is treated as the table says', async () => {
      const queue = queueWith();
      const billing = consumerOf(queue, { ack: 'manual', retry: { ...soon, attempts: 2 } }, () => {
        throw new Error('no');
      });
      const app = await nest.start({ providers: [billing] }, quorum(queue));
      await publisherOf(app).sendToQueue(queue, 'x');
      expect((await parkedOf(queue)).text()).toBe('x');
    });
  });

  describe('exclusive queues', () => {
    it('retry in the process, declare no further queue, and finally reject', async () => {
      const queue = queueWith();
      const seen = new Inbox<AmqpContext>();
      const dead = nest.name('dead');
      const billing = consumerOf(queue, { retry: soon, prefetch: 1, concurrency: 1 }, (_, context) => {
        seen.add(context);
        throw new Error(`failure ${context.attempt}`);
      });
      const queues = [
        classicQueue(queue, { exclusive: true, deadLetterExchange: '', deadLetterRoutingKey: dead }),
        classicQueue(dead),
      ];
      const app = await nest.start({ providers: [billing] }, { topology: { queues } });
      await publisherOf(app).sendToQueue(queue, 'x');
      const contexts = await seen.take(3);
      expect(contexts.map(({ attempt, lastFailure }) => [attempt, lastFailure?.message])).toEqual([
        [1, undefined],
        [2, 'Error: failure 1'],
        [3, 'Error: failure 2'],
      ]);
      expect((await only(dead)).text()).toBe('x');
      await expect(nest.ready(`${queue}.parked`)).rejects.toThrow('404');
    });

    it('retry after the resume when their handler fails during a pause', async () => {
      const queue = queueWith();
      const clock = new ManualClock();
      const seen = new Inbox<AmqpContext>();
      const goOn = new Inbox();
      const billing = consumerOf(queue, { retry: { backoff: fixed(HOUR) } }, async (_, context) => {
        seen.add(context);
        if (context.delivery.redelivered) return;
        await goOn.next();
        throw new Error('too late');
      });
      const topology = { queues: [classicQueue(queue, { exclusive: true })] };
      const app = await nest.start({ providers: [billing] }, { topology, connection: { clock, heartbeat: 0 } });
      const consumers = app.get(AmqpConsumerRegistry, { strict: false });
      await publisherOf(app).sendToQueue(queue, 'x');
      await seen.next();
      await consumers.pause();
      const failed = firstValueFrom(consumers.failures$);
      goOn.add(true);
      expect(await failed).toMatchObject({ attempt: 1, decision: 'retry', delay: HOUR });
      clock.advance(HOUR);
      await consumers.resume();
      expect((await seen.next()).delivery.redelivered).toBe(true);
    });
  });

  describe.each(['verify', 'none'] as const)('declare: %s', (declare) => {
    it.each([
      ['retry.50', { 'x-message-ttl': 50 }],
      ['parked', { 'x-delivery-limit': 2 ** 31 - 1 }],
    ])('a missing queue, <queue>.%s, fails the start, and the error shows its declaration', async (missing, args) => {
      const queue = queueWith();
      await leaveQueuesOf(queue);
      await nest.channel.queueDelete(`${queue}.${missing}`);
      const starting = nest.start(
        { providers: [consumerOf(queue, { retry: soon }, () => {})] },
        { topology: { declare } },
      );
      const error: unknown = await starting.catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(ConsumerStartError);
      const { cause } = error as ConsumerStartError;
      expect(cause).toBeInstanceOf(MissingQueueError);
      expect(cause).toMatchObject({
        definition: { name: `${queue}.${missing}`, arguments: expect.objectContaining(args) },
      });
      expect((error as Error).message).toContain(JSON.stringify((cause as MissingQueueError).definition.arguments));
      await expect(nest.ready(`${queue}.${missing}`)).rejects.toThrow('404');
    });

    it('works with existing queues', async () => {
      const queue = queueWith();
      await leaveQueuesOf(queue);
      const billing = consumerOf(queue, { retry: { ...soon, attempts: 2 } }, () => {
        throw new Error('no');
      });
      const app = await nest.start({ providers: [billing] }, { topology: { declare } });
      await publisherOf(app).sendToQueue(queue, 'x');
      expect((await parkedOf(queue)).text()).toBe('x');
    });
  });

  it('a deleted delay or parked queue is declared again when it is needed', async () => {
    const queue = queueWith();
    const billing = consumerOf(queue, { retry: { ...soon, attempts: 2 } }, () => {
      throw new Error('no');
    });
    const app = await nest.start({ providers: [billing] }, quorum(queue));
    await publisherOf(app).sendToQueue(queue, 'before');
    expect((await parkedOf(queue)).text()).toBe('before');
    await nest.channel.queueDelete(`${queue}.retry.50`);
    await nest.channel.queueDelete(`${queue}.parked`);
    await publisherOf(app).sendToQueue(queue, 'x', { messageId: 'after' });
    await nest.lines.until(`'after' of queue '${queue}' failed in Billing.onOrder, attempt 2 of 2`);
    await nest.close(app);
    expect((await only(`${queue}.parked`)).text()).toBe('x');
  });

  it('N1 1.1: a message is held while its target queue refuses it, and moved when the queue accepts it', async () => {
    const queue = queueWith();
    nest.sweep(`${queue}.parked`);
    const seen = new Inbox();
    const billing = consumerOf(queue, { retry: false, prefetch: 1 }, (payload) => {
      seen.add(payload);
      if (payload === 'bad') throw new Error('no');
    });
    // The parked queue is full, and refuses every publish.
    await nest.channel.queueDeclare(`${queue}.parked`, {
      arguments: { 'x-max-length': 0, 'x-overflow': 'reject-publish' },
    });
    const app = await nest.start({ providers: [billing] }, quorum(queue));
    const publisher = publisherOf(app);
    await publisher.sendToQueue(queue, 'bad', { messageId: 'm' });
    await nest.lines.until('could not be parked yet (PublishNackedError');
    for (const payload of [1, 2, 3]) await publisher.sendToQueue(queue, payload);
    // The messages pass the held one, although the prefetch is one.
    expect(await seen.take(4)).toEqual(['bad', 1, 2, 3]);
    expect(app.get(AmqpHealthIndicator, { strict: false }).isHealthy().amqp).toMatchObject({ status: 'up', stuck: [{ queue, held: 1 }] }); // prettier-ignore
    await nest.channel.queueDelete(`${queue}.parked`);
    expect((await parkedOf(queue)).text()).toBe('bad');
    await nest.lines.until("parked in '");
    expect(nest.lines.with('could not be parked')).toHaveLength(1);
    expect(seen.all).toHaveLength(4);
  });

  it('a delay queue with other arguments is reported; its message is held, and retried once that queue is deleted', async () => {
    const queue = queueWith();
    const seen = new Inbox<unknown>();
    const billing = consumerOf(queue, { retry: soon, prefetch: 1 }, (payload, { attempt }) => {
      seen.add([payload, attempt]);
      if (payload === 'bad' && attempt === 1) throw new Error('no');
    });
    await nest.channel.queueDeclare(`${queue}.retry.50`);
    const app = await nest.start({ providers: [billing] }, quorum(queue));
    await publisherOf(app).sendToQueue(queue, 'bad', { messageId: 'm' });
    const told = await nest.lines.until('could not be put aside for its retry yet');
    expect(told).toContain("Message 'm'");
    expect(told).toMatch(/TopologyMismatchError: .*billing-.*\.retry\.50.*inequivalent arg/s);
    await publisherOf(app).sendToQueue(queue, 'good');
    expect(await seen.take(2)).toEqual([['bad', 1], ['good', 1]]); // prettier-ignore
    expect(app.get(AmqpHealthIndicator, { strict: false }).isHealthy().amqp).toMatchObject({ stuck: [{ queue, held: 1 }] }); // prettier-ignore
    await nest.channel.queueDelete(`${queue}.retry.50`);
    expect(await seen.next()).toEqual(['bad', 2]);
  });

  it('an exponential backoff has one queue per delay', async () => {
    const queue = queueWith([10, 20, 40]);
    const failures = new Inbox<ConsumerFailure>();
    const seen = new Inbox<number>();
    const retry = { attempts: 4, backoff: exponential(20, 40) };
    const billing = consumerOf(queue, { retry }, (_, { attempt }) => {
      seen.add(attempt);
      throw new Error('no');
    });
    const app = await nest.start({ providers: [billing] }, quorum(queue));
    app.get(AmqpConsumerRegistry, { strict: false }).failures$.subscribe(failures.add);
    await publisherOf(app).sendToQueue(queue, 'x');
    expect(await seen.take(4)).toEqual([1, 2, 3, 4]);
    const delays = (await failures.take(3)).map(({ delay }) => delay);
    const possible = [[10, 20], [20, 40], [20, 40]]; // prettier-ignore
    for (const [index, ms] of delays.entries()) {
      expect(possible[index]).toContain(ms);
      expect(await nest.ready(`${queue}.retry.${ms}`)).toBe(0);
    }
    await parkedOf(queue);
  });
});
