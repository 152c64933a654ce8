import { Injectable, type INestApplicationContext } from '@nestjs/common';
import { IsInt, IsString } from 'class-validator';
import { describe, expect, it } from '@jest/globals';
import {
  AmqpConsumerRegistry,
  AmqpEvent,
  AmqpModule,
  ConfigurationError,
  ContractError,
  defineEvents,
  fixed,
  getPublisherToken,
  quorumQueue,
  topicExchange,
  type ConsumerFailure,
  type EventsOf,
  type ExchangePublisher,
} from 'nest-amqp';
import { z } from 'zod';
import { Inbox } from '../support/inbox.js';
import { publisherOf, useNest } from './support/nest-harness.js';

const nest = useNest();

/** A class, which is validated asynchronously. */
class V1 {
  @IsString()
  id!: string;

  @IsInt()
  euros!: number;
}

const V2 = z.object({ id: z.string(), cents: z.number().max(10_000) });
const V3 = z.object({ id: z.string(), price: z.object({ cents: z.number(), currency: z.string() }) });

/** Three versions of an event on an exchange of its own, and a queue without bindings. */
function place() {
  const [exchange, queue] = [nest.name('orders'), nest.name('billing')];
  nest.sweep(`${queue}.parked`, `${queue}.retry.50`);
  const contract = defineEvents(exchange, { 'paid.v1': V1, 'paid.v2': V2, 'paid.v3': V3 })
    .upcast('paid.v1', 'paid.v2', ({ id, euros }) => ({ id, cents: euros * 100 }))
    .upcast('paid.v2', 'paid.v3', ({ id, cents }) => ({ id, price: { cents, currency: 'EUR' } }));
  return {
    exchange,
    queue,
    contract,
    topology: { exchanges: [topicExchange(exchange)], queues: [quorumQueue(queue)] },
  };
}

function failuresOf(app: INestApplicationContext): Inbox<ConsumerFailure> {
  const failures = new Inbox<ConsumerFailure>();
  app.get(AmqpConsumerRegistry, { strict: false }).failures$.subscribe(failures.add);
  return failures;
}

describe('a handler of an event', () => {
  it('gets its older versions as this version, and is bound for them', async () => {
    const at = place();
    const got = new Inbox<unknown>();

    @Injectable()
    class Billing {
      @AmqpEvent(at.contract, 'paid.v3', at.queue, { bind: at.exchange })
      onPaid(paid: z.infer<typeof V3>): void {
        got.add(paid);
      }
    }
    const app = await nest.start({ providers: [Billing] }, { topology: at.topology });
    const publisher = publisherOf(app);
    const latest = { id: 'o', price: { cents: 500, currency: 'EUR' } };
    await publisher.publish(at.exchange, 'paid.v1', { id: 'o', euros: 5 });
    expect(await got.next()).toEqual(latest);
    await publisher.publish(at.exchange, 'paid.v2', { id: 'o', cents: 500 });
    expect(await got.next()).toEqual(latest);
    await publisher.publish(at.exchange, 'paid.v3', latest);
    expect(await got.next()).toEqual(latest);
  });

  it('does not get newer versions', async () => {
    const at = place();
    const got = new Inbox<unknown>();

    @Injectable()
    class Billing {
      @AmqpEvent(at.contract, 'paid.v2', at.queue, { bind: at.exchange })
      onPaid(paid: z.infer<typeof V2>): void {
        got.add(paid.cents);
      }
    }
    const app = await nest.start({ providers: [Billing] }, { topology: at.topology });
    const publisher = publisherOf(app);
    const newer = { id: 'o', price: { cents: 500, currency: 'EUR' } };
    await expect(publisher.publish(at.exchange, 'paid.v3', newer)).rejects.toThrow('NO_ROUTE');
    await publisher.publish(at.exchange, 'paid.v1', { id: 'o', euros: 5 });
    expect(await got.next()).toBe(500);
  });

  it('that names several versions gets each as it is, and what is older than all of them as the next', async () => {
    const at = place();
    const got = new Inbox<unknown>();

    @Injectable()
    class Audit {
      @AmqpEvent(at.contract, ['paid.v3', 'paid.v2'], at.queue, { bind: at.exchange })
      onPaid(paid: z.infer<typeof V2> | z.infer<typeof V3>): void {
        got.add('cents' in paid ? 'v2' : 'v3');
      }
    }
    const app = await nest.start({ providers: [Audit] }, { topology: at.topology });
    const publisher = publisherOf(app);
    await publisher.publish(at.exchange, 'paid.v3', { id: 'o', price: { cents: 500, currency: 'EUR' } });
    expect(await got.next()).toBe('v3');
    await publisher.publish(at.exchange, 'paid.v1', { id: 'o', euros: 5 });
    expect(await got.next()).toBe('v2');
  });

  it('parks an older message that does not match its own schema, or whose conversion does not match', async () => {
    const at = place();
    const got = new Inbox<unknown>();

    @Injectable()
    class Billing {
      @AmqpEvent(at.contract, 'paid.v3', at.queue, { bind: at.exchange })
      onPaid(paid: z.infer<typeof V3>): void {
        got.add(paid);
      }
    }
    const app = await nest.start({ providers: [Billing] }, { topology: at.topology });
    const failures = failuresOf(app);
    const publisher = publisherOf(app);
    for (const [euros, event, path] of [
      ['five', 'paid.v1', 'euros'],
      [101, 'paid.v2', 'cents'],
    ] as const) {
      await publisher.publish(at.exchange, 'paid.v1', { id: 'o', euros });
      const failure = await failures.next();
      expect(failure).toMatchObject({ attempt: 1, decision: 'park', cause: { event, issues: [{ path }] } });
      expect(failure.cause).toBeInstanceOf(ContractError);
    }
    expect(got.all).toEqual([]);
  });

  it('is tried again if the converter throws', async () => {
    const at = place();
    const got = new Inbox<unknown>();
    let attempts = 0;
    const contract = defineEvents(at.exchange, { 'sent.v1': V2, 'sent.v2': V2 }).upcast('sent.v1', 'sent.v2', (old) => {
      if (++attempts === 1) throw new Error('the rates are not loaded yet');
      return old;
    });

    @Injectable()
    class Billing {
      @AmqpEvent(contract, 'sent.v2', at.queue, { bind: at.exchange, retry: { attempts: 2, backoff: fixed(50) } })
      onSent(sent: z.infer<typeof V2>): void {
        got.add(sent.cents);
      }
    }
    const app = await nest.start({ providers: [Billing] }, { topology: at.topology });
    await publisherOf(app).publish(at.exchange, 'sent.v1', { id: 'o', cents: 5 });
    expect(await got.next()).toBe(5);
    expect(attempts).toBe(2);
  });
});

describe('a version in a header', () => {
  function headerPlace() {
    const { exchange, queue, topology } = place();
    const schemas = { 'paid.v1': V1, 'paid.v2': V2, 'paid.v3': V3, shipped: V2 };
    const contract = defineEvents(exchange, schemas, { versionHeader: 'x-version' }).upcast(
      'paid.v1',
      'paid.v2',
      ({ id, euros }) => ({ id, cents: euros * 100 }),
    );
    return { exchange, queue, topology, contract };
  }

  async function start({ exchange, queue, topology, contract }: ReturnType<typeof headerPlace>) {
    const got = new Inbox<unknown>();

    @Injectable()
    class Billing {
      @AmqpEvent(contract, 'paid.v2', queue, { bind: exchange })
      onPaid(paid: z.infer<typeof V2>): void {
        got.add(paid);
      }

      @AmqpEvent(contract, 'shipped', queue)
      onShipped(shipped: z.infer<typeof V2>): void {
        got.add({ shipped: shipped.cents });
      }
    }
    const app = await nest.start({
      imports: [
        AmqpModule.forRoot({ url: nest.rabbit.url, topology }),
        AmqpModule.forFeature([
          { publisher: 'orders', exchange: contract, defaults: { headers: { tenant: 'eu', 'x-version': 9 } } },
        ]),
      ],
      providers: [Billing],
    });
    const token = getPublisherToken('orders');
    return { app, got, publisher: app.get<ExchangePublisher<EventsOf<typeof contract>>>(token, { strict: false }) };
  }

  it('is set by the publisher beside its other headers, and leaves the routing key as it is', async () => {
    const at = headerPlace();
    await nest.channel.exchangeDeclare(at.exchange, 'topic', { durable: true });
    const { queue: seen } = await nest.channel.queueDeclare('', { exclusive: true });
    await nest.channel.queueBind(seen, at.exchange, '#');
    const { publisher } = await start(at);
    const receipt = await publisher.publish('paid.v1', { id: 'o', euros: 5 }, { headers: { trace: 't' } });
    expect(receipt.routingKey).toBe('paid');
    const delivery = await nest.channel.basicGet(seen, { noAck: true });
    expect(delivery).toMatchObject({ routingKey: 'paid' });
    expect(delivery!.properties.headers).toMatchObject({ 'x-version': 1, tenant: 'eu', trace: 't' });
  });

  it('selects the schema: older versions are converted, others are parked', async () => {
    const at = headerPlace();
    const { app, got, publisher } = await start(at);
    const failures = failuresOf(app);
    await publisher.publish('paid.v1', { id: 'o', euros: 5 });
    expect(await got.next()).toEqual({ id: 'o', cents: 500 });
    await publisher.publish('paid.v2', { id: 'o', cents: 7 });
    expect(await got.next()).toEqual({ id: 'o', cents: 7 });
    const foreign = publisherOf(app);
    await foreign.publish(at.exchange, 'paid', { id: 'o', cents: 8 }, { headers: { 'x-version': '2' } });
    expect(await got.next()).toEqual({ id: 'o', cents: 8 });
    await foreign.publish(at.exchange, 'shipped', { id: 'o', cents: 9 });
    expect(await got.next()).toEqual({ shipped: 9 });
    for (const [headers, event, message] of [
      [{ 'x-version': 3 }, 'paid.v3', 'it does not become paid.v2'],
      [{ 'x-version': 4 }, 'paid.v4', "it has no 'paid.v4', but 'paid.v1', 'paid.v2', 'paid.v3', 'shipped'"],
      [{}, 'paid', "it has no 'paid', but 'paid.v1', 'paid.v2', 'paid.v3', 'shipped'"],
    ] as const) {
      await foreign.publish(at.exchange, 'paid', { id: 'o', price: { cents: 5, currency: 'EUR' } }, { headers });
      expect(await failures.next()).toMatchObject({
        attempt: 1,
        decision: 'park',
        cause: { name: 'ContractError', event, issues: [{ message }] },
      });
    }
    expect(got.all).toHaveLength(4);
  });
});

describe('upcast() refuses', () => {
  type Loose = { upcast(from: unknown, to: unknown, convert: unknown): Loose };
  const chain = defineEvents('orders', { 'paid.v1': V2, 'paid.v2': V2, 'paid.v3': V2 })
    .upcast('paid.v1', 'paid.v2', (old) => old)
    .upcast('paid.v2', 'paid.v3', (old) => old) as unknown as Loose;
  const same = (old: unknown): unknown => old;

  it.each<[string, () => unknown, string]>([
    ['an unknown event', () => chain.upcast('paid.v0', 'paid.v1', same), "it has no 'paid.v0', but 'paid.v1', 'paid.v2', 'paid.v3'"],
    ['a second upcaster', () => chain.upcast('paid.v1', 'paid.v3', same), "'paid.v1' is converted to 'paid.v2' already"],
    ['a circle', () => chain.upcast('paid.v3', 'paid.v1', same), 'the upcasters make a circle'],
    ['an event to itself', () => chain.upcast('paid.v3', 'paid.v3', same), 'the upcasters make a circle'],
    ['a converter that is no function', () => chain.upcast('paid.v3', 'paid.v2', {}), 'the converter must be a function'],
  ])('%s', (_, define, message) => {
    expect(define).toThrow(ConfigurationError);
    expect(define).toThrow(message);
  }); // prettier-ignore

  it('nothing of the contract that it extends', () => {
    const plain = defineEvents('orders', { 'paid.v1': V2, 'paid.v2': V2 });
    plain.upcast('paid.v1', 'paid.v2', (old) => old);
    expect(() => plain.upcast('paid.v1', 'paid.v2', (old) => old)).not.toThrow();
  });
});
