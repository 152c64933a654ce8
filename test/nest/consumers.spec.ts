import { Injectable, Module, ParseIntPipe, DefaultValuePipe } from '@nestjs/common';
import * as microservices from '@nestjs/microservices';
import { describe, expect, it } from '@jest/globals';
import {
  AmqpConsumer,
  AmqpContext,
  AmqpError,
  AmqpHeader,
  AmqpModule,
  AmqpProperty,
  classicQueue,
  Ctx,
  Payload,
  quorumQueue,
} from 'nest-amqp';
import { publisherOf, useNest } from './support/nest-harness.js';
import { Inbox } from '../support/inbox.js';

const nest = useNest();

describe('parameters', () => {
  it('receive payload, context, headers and properties, each through its pipes', async () => {
    const queue = nest.name();
    const got = new Inbox<unknown[]>();

    @Injectable()
    class Billing {
      @AmqpConsumer(queue)
      onOrder(
        @Payload() order: unknown,
        @Payload('id', ParseIntPipe) id: number,
        @AmqpHeader('x-tenant') tenant: string,
        @AmqpHeader('x-attempt', ParseIntPipe) attempt: number,
        @AmqpHeader('x-missing', new DefaultValuePipe('none')) missing: string,
        @AmqpProperty('messageId') messageId: string,
        @AmqpProperty('correlationId') correlationId: string,
        @Ctx() context: AmqpContext,
      ): void {
        got.add([order, id, tenant, attempt, missing, messageId, correlationId, context]);
      }
    }

    const app = await nest.start({ providers: [Billing] }, { topology: { queues: [classicQueue(queue)] } });
    await publisherOf(app).sendToQueue(
      queue,
      { id: '7' },
      { messageId: 'm-1', headers: { 'x-tenant': 'acme', 'x-attempt': '2' } },
    );
    const [order, id, ...rest] = await got.next();
    expect([order, id]).toEqual([{ id: '7' }, 7]);
    expect(rest).toEqual(['acme', 2, 'none', 'm-1', undefined, expect.any(AmqpContext)]);
  });
});

describe('parameter decorators of @nestjs/microservices', () => {
  it('work like those of nest-amqp', async () => {
    const queue = nest.name();
    const got = new Inbox<unknown[]>();

    @Injectable()
    class Billing {
      @AmqpConsumer(queue)
      onOrder(
        @microservices.Payload() order: unknown,
        @microservices.Payload('id', ParseIntPipe) id: number,
        @microservices.Ctx() context: AmqpContext,
      ): void {
        got.add([order, id, context.queue]);
      }
    }

    const app = await nest.start({ providers: [Billing] }, { topology: { queues: [classicQueue(queue)] } });
    await publisherOf(app).sendToQueue(queue, { id: '7' });
    expect(await got.next()).toEqual([{ id: '7' }, 7, queue]);
  });
});

describe('a message without a content type', () => {
  it('N4.1 is decoded when it is a JSON object, as other clients send it', async () => {
    const queue = nest.name();
    const got = new Inbox<unknown>();

    @Injectable()
    class Billing {
      @AmqpConsumer(queue)
      onOrder(@Payload('id') id: unknown): void {
        got.add(id);
      }
    }

    await nest.start({ providers: [Billing] }, { topology: { queues: [classicQueue(queue)] } });
    await nest.channel.publish('', queue, JSON.stringify({ id: 4711 }));
    expect(await got.next()).toBe(4711);
  });
});

describe('an error of a handler', () => {
  it('is one line in the log, with any Nest version', async () => {
    const queue = nest.name();

    @Injectable()
    class Billing {
      @AmqpConsumer(queue, { retry: { attempts: 1, then: 'discard' } })
      onOrder(): void {
        throw new Error('no funds');
      }
    }

    const app = await nest.start({ providers: [Billing] }, { topology: { queues: [classicQueue(queue)] } });
    await publisherOf(app).sendToQueue(queue, {}, { messageId: 'm-1' });
    await nest.lines.until('m-1');
    await nest.close(app);
    expect(nest.lines.with('no funds')).toEqual([expect.stringContaining("Message 'm-1'")]);
  });
});

describe('queue names', () => {
  @Injectable()
  class Config {
    get(key: string): string {
      return (this as Record<string, unknown>)[key] as string;
    }
  }

  /** Starts a consumer whose queue name comes from this source. */
  function start(source: Parameters<typeof AmqpConsumer>[0], config: object, queue: string) {
    const got = new Inbox<unknown>();

    @Injectable()
    class Billing {
      @AmqpConsumer(source)
      onOrder(@Payload() order: unknown): void {
        got.add(order);
      }
    }

    @Module({
      providers: [{ provide: Config, useValue: Object.assign(new Config(), config) }],
      exports: [Config],
    })
    class ConfigModule {}

    @Module({ providers: [Billing, { provide: 'local', useValue: 'mine' }] })
    class BillingModule {}

    @Module({ providers: [{ provide: 'local', useValue: 'theirs' }] })
    class OtherModule {}

    const amqp = AmqpModule.forRoot({ url: nest.rabbit.url, topology: { queues: [classicQueue(queue)] } });
    const app = nest.start({ imports: [amqp, ConfigModule, BillingModule, OtherModule] });
    return { got, app };
  }

  it('come from configuration, when the application starts', async () => {
    const queue = nest.name();
    const source = { inject: [Config], useFactory: async (config: Config) => config.get('BILLING_QUEUE') };
    const { got, app } = start(source, { BILLING_QUEUE: queue }, queue);
    await publisherOf(await app).sendToQueue(queue, 'by its name');
    expect(await got.next()).toBe('by its name');
  });

  it('come from the providers of the handler’s module first', async () => {
    const queue = nest.name('mine');
    const source = { inject: ['local'], useFactory: (local: string) => queue.replace('mine', local) };
    const { got, app } = start(source, {}, queue);
    await publisherOf(await app).sendToQueue(queue, 1);
    expect(await got.next()).toBe(1);
  });

  it.each([
    ['an empty name', { useFactory: () => '' }, 'Its useFactory made an empty name'],
    [
      'a missing setting',
      { inject: [Config], useFactory: (config: Config) => config.get('BILLING_QUEUE') },
      'Its useFactory made no name but a value of type undefined',
    ],
    ['no name at all', '', 'Its queue has no name'],
    [
      'an unknown provider',
      { inject: ['nobody'], useFactory: () => 'x' },
      /^Billing\.onOrder cannot be a consumer: .*nobody/,
    ],
    [
      'a factory that fails',
      {
        useFactory: () => {
          throw new Error('no config');
        },
      },
      "Billing.onOrder cannot be a consumer: its queue's name could not be made: no config",
    ],
    [
      'a misspelt name of the factory',
      { injected: [Config], useFactory: () => 'x' } as never,
      "Billing.onOrder: the factory of its queue's name: unknown option 'injected'; did you mean 'inject'? Known are: inject, useFactory",
    ],
  ])('%s fails the start, and the error names the consumer', async (_, source, message) => {
    const { app } = start(source, {}, nest.name());
    await expect(app).rejects.toThrow(AmqpError);
    await expect(app).rejects.toThrow(/^Billing\.onOrder(:| cannot be a consumer:) /);
    await expect(app).rejects.toThrow(message);
    expect(nest.lines.with(': closed')).toHaveLength(2);
  });
});

describe('consuming', () => {
  it('prefers the consumer of a higher priority while its prefetch has room', async () => {
    const queue = nest.name();
    const got = new Inbox<string>();

    @Injectable()
    class Billing {
      @AmqpConsumer(queue)
      low(): void {
        got.add('low');
      }

      @AmqpConsumer(queue, { priority: 5 })
      high(): void {
        got.add('high');
      }
    }

    const app = await nest.start({ providers: [Billing] }, { topology: { queues: [classicQueue(queue)] } });
    for (let id = 0; id < 4; id++) await publisherOf(app).sendToQueue(queue, id);
    expect(await got.take(4)).toEqual(['high', 'high', 'high', 'high']);
  });

  it('an exclusive consumer makes the start of a second one fail', async () => {
    const queue = nest.name();

    @Injectable()
    class Billing {
      @AmqpConsumer(queue, { exclusive: true })
      onOrder(): void {}
    }

    const topology = { queues: [classicQueue(queue)] };
    await nest.start({ providers: [Billing] }, { topology });
    const second = nest.start({ providers: [Billing] }, { topology });
    await expect(second).rejects.toThrow(/403 ACCESS_REFUSED.*exclusive/);
  });

  it('with a single active consumer, the next takes over when the active one ends', async () => {
    const queue = nest.name();
    const got = new Inbox<string>();
    const consumer = (name: string) => {
      @Injectable()
      class Billing {
        @AmqpConsumer(queue)
        onOrder(): void {
          got.add(name);
        }
      }
      return Billing;
    };
    const topology = { queues: [quorumQueue(queue, { singleActiveConsumer: true })] };
    const first = await nest.start({ providers: [consumer('first')] }, { topology });
    const second = await nest.start({ providers: [consumer('second')] }, { topology });
    for (let id = 0; id < 4; id++) await publisherOf(second).sendToQueue(queue, id);
    expect(await got.take(4)).toEqual(['first', 'first', 'first', 'first']);
    await nest.close(first);
    await publisherOf(second).sendToQueue(queue, 4);
    expect(await got.next()).toBe('second');
  });
});
