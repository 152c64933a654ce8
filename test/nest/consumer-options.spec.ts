import { Injectable, Module, type ModuleMetadata } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import {
  AmqpBatchConsumer,
  AmqpConsumer,
  AmqpConsumerRegistry,
  AmqpModule,
  AmqpRpc,
  classicQueue,
  InvalidConsumerError,
  Payload,
  type AmqpBatchItem,
  type ConsumerOptions,
  type OptionsFactory,
  type OptionsSource,
} from 'nest-amqp';
import { errorOf } from '../client/support/client-harness.js';
import { Inbox } from '../support/inbox.js';
import { publisherOf, useNest } from './support/nest-harness.js';

const nest = useNest();

class Config {
  constructor(private readonly settings: Readonly<Record<string, unknown>>) {}

  get<T>(name: string): T {
    return this.settings[name] as T;
  }
}

/** Starts an application of these consumers with a configuration. */
function start(host: ModuleMetadata, settings: Readonly<Record<string, unknown>>, ...queues: string[]) {
  @Module({ providers: [{ provide: Config, useValue: new Config(settings) }], exports: [Config] })
  class ConfigModule {}

  const topology = { queues: queues.map((queue) => classicQueue(queue)) };
  const amqp = AmqpModule.forRoot({ url: nest.rabbit.url, topology });
  return nest.start({ ...host, imports: [amqp, ConfigModule] });
}

const consumersOf = async (queue: string): Promise<number> =>
  (await nest.channel.queueDeclare(queue, { passive: true })).consumerCount;

/** The options of a consumer that only workers have. */
const onWorkers = (options: ConsumerOptions = {}): OptionsFactory<ConsumerOptions> => ({
  inject: [Config],
  useFactory: (config: Config) => ({ ...options, enabled: config.get('ROLE') === 'worker' }),
});

function classOf(queue: string, ...methods: readonly (readonly [string, OptionsSource<ConsumerOptions>])[]) {
  @Injectable()
  class Billing {}
  for (const [method, options] of methods) {
    Object.defineProperty(Billing.prototype, method, { value: () => {}, configurable: true, writable: true });
    AmqpConsumer(queue, options)(
      Billing.prototype,
      method,
      Object.getOwnPropertyDescriptor(Billing.prototype, method)!,
    );
  }
  return Billing;
}

describe('options of a consumer from a factory', () => {
  it('come from configuration, for every kind of consumer', async () => {
    const [one, many, asked] = [nest.name(), nest.name(), nest.name()] as const;
    const got = new Inbox<unknown>();

    @Injectable()
    class Billing {
      @AmqpConsumer(one, {
        inject: [Config],
        useFactory: (config: Config) => ({ prefetch: config.get<number>('PREFETCH') }),
      })
      onOne(@Payload() payload: unknown): void {
        got.add(payload);
      }

      @AmqpBatchConsumer(many, {
        inject: [Config],
        useFactory: async (config: Config) => ({ size: config.get<number>('SIZE') }),
      })
      onMany(items: AmqpBatchItem[]): void {
        got.add(items.map(({ payload }) => payload));
      }

      @AmqpRpc(asked, { useFactory: () => ({ concurrency: 1, prefetch: 6 }) })
      answer(@Payload() payload: unknown): unknown {
        return payload;
      }
    }

    const app = await start({ providers: [Billing] }, { PREFETCH: 7, SIZE: 2 }, one, many, asked);
    expect(nest.lines.with('Consuming queue').map((line) => line.replace(/.* in /, '')).toSorted()).toEqual([
      'Billing.answer, prefetch 6',
      'Billing.onMany, prefetch 4',
      'Billing.onOne, prefetch 7',
    ]); // prettier-ignore
    const publisher = publisherOf(app);
    await publisher.sendToQueue(one, 'alone');
    expect(await got.next()).toBe('alone');
    for (const id of [1, 2]) await publisher.sendToQueue(many, id);
    expect(await got.next()).toEqual([1, 2]);
    await expect(publisher.request('', asked, 'how much')).resolves.toBe('how much');
  });

  it('may name the routing keys of a shared consumer', async () => {
    const queue = nest.name();
    const got = new Inbox<string>();
    const keys = (name: string): OptionsFactory<ConsumerOptions> => ({
      inject: [Config],
      useFactory: (config: Config) => ({ routingKey: config.get<string>(name) }),
    });

    @Injectable()
    class Billing {
      @AmqpConsumer(queue, keys('OWN'))
      onOwn(): void {
        got.add('own');
      }

      @AmqpConsumer(queue, keys('OTHER'))
      onOther(): void {
        got.add('other');
      }
    }

    const app = await start({ providers: [Billing] }, { OWN: queue, OTHER: 'else' }, queue);
    await publisherOf(app).sendToQueue(queue, 1);
    expect(await got.next()).toBe('own');
    expect(await consumersOf(queue)).toBe(1);
  });

  it.each<[string, OptionsSource<ConsumerOptions>, string]>([
    ['no options', { useFactory: () => undefined as never }, 'Billing.onOrder: expected an object with options, got undefined'],
    ['an unknown option', { useFactory: () => ({ prefech: 1 }) as never }, "Billing.onOrder: unknown option 'prefech'"],
    ['a wrong value', { useFactory: () => ({ enabled: 'false' }) as never }, "Billing.onOrder: enabled must be true or false; it is a string, 'false'"],
    ['options beside a factory', { prefetch: 5, useFactory: () => ({}) } as never, "Billing.onOrder: the factory of its options: unknown option 'prefetch'; known are: inject, useFactory"],
    ['an unknown provider', { inject: ['nobody'], useFactory: () => ({}) }, 'Billing.onOrder cannot be a consumer: its options could not be made: '],
    ['a factory that fails', { useFactory: () => { throw new Error('no config'); } }, 'Billing.onOrder cannot be a consumer: its options could not be made: no config'],
  ])('fail the start with the name of the consumer: %s', async (_, options, message) => {
    const queue = nest.name();
    const error = await errorOf(start({ providers: [classOf(queue, ['onOrder', options])] }, {}, queue));
    expect(error.message).toContain(message);
  }); // prettier-ignore
});

describe('enabled: false', () => {
  it('switches a consumer off, and one line at the start lists what is off', async () => {
    const queue = nest.name();
    const Billing = classOf(
      queue,
      ['onB', { enabled: false }],
      ['onA', { enabled: false }],
      ['onC', { enabled: true }],
    );
    const app = await start({ providers: [Billing] }, {}, queue);
    expect(nest.lines.with('enabled: false')).toEqual([
      `LOG These consumers are off (enabled: false): Billing.onA (queue '${queue}'), Billing.onB (queue '${queue}')`,
    ]);
    // The two that are off do not compete with the third.
    expect(nest.lines.with('compete')).toEqual([]);
    expect(await consumersOf(queue)).toBe(1);
    expect(app.get(AmqpConsumerRegistry).list()).toMatchObject([{ handler: 'Billing.onC' }]);
  });

  it('by role lets one module be a web server and a worker', async () => {
    const queue = nest.name();
    const Billing = classOf(queue, ['onOrder', onWorkers({ prefetch: 5 })]);
    const web = await start({ providers: [Billing] }, { ROLE: 'web' }, queue);
    expect(await consumersOf(queue)).toBe(0);
    await start({ providers: [Billing] }, { ROLE: 'worker' }, queue);
    expect(await consumersOf(queue)).toBe(1);
    expect(web.get(AmqpConsumerRegistry).list()).toEqual([]);
    expect(nest.lines.with('enabled: false')).toHaveLength(1);
  });

  it('needs no queue, no name of a queue, and no connection', async () => {
    const elsewhere = { enabled: false, connection: 'elsewhere' };

    @Injectable()
    class Billing {
      @AmqpConsumer('not-there', { enabled: false })
      onA(): void {}

      @AmqpConsumer(
        { inject: [Config], useFactory: (config: Config) => config.get<string>('QUEUE') },
        { enabled: false },
      )
      onB(): void {}

      @AmqpConsumer('not-there-either', elsewhere)
      onC(): void {}

      @AmqpBatchConsumer('not-there', { size: 1, enabled: false })
      onD(): void {}
    }

    await start({ providers: [Billing] }, {});
    expect(nest.lines.with('are off')).toEqual([
      "LOG These consumers are off (enabled: false): Billing.onA (queue 'not-there'), Billing.onB, Billing.onC (queue " +
        "'not-there-either'), Billing.onD (queue 'not-there')",
    ]);
  });

  it('is the same for all handlers that share a consumer', async () => {
    const queue = nest.name();
    const off = classOf(queue, ['onA', onWorkers({ routingKey: 'a' })], ['onB', onWorkers({ routingKey: 'b' })]);
    await start({ providers: [off] }, { ROLE: 'web' }, queue);
    expect(await consumersOf(queue)).toBe(0);
    expect(nest.lines.with('are off')).toHaveLength(1);
    const half = classOf(queue, ['onA', onWorkers({ routingKey: 'a' })], ['onB', { routingKey: 'b' }]);
    const error = await errorOf(start({ providers: [half] }, { ROLE: 'web' }, queue));
    expect(error).toBeInstanceOf(InvalidConsumerError);
    expect(error.message).toContain(
      `Billing.onA and Billing.onB share the consumer of queue '${queue}', and their enabled differs: false, and true.`,
    );
  });

  it('lets a batch consumer, in its own role, use the queue of handlers that share a consumer', async () => {
    const queue = nest.name();

    @Injectable()
    class Billing {
      @AmqpConsumer(queue, { routingKey: 'a' })
      onOne(): void {}

      @AmqpBatchConsumer(queue, { size: 2, enabled: false })
      onMany(): void {}
    }

    await start({ providers: [Billing] }, {}, queue);
    expect(await consumersOf(queue)).toBe(1);
  });
});
