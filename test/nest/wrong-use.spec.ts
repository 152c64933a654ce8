import { Injectable, Module, type OnApplicationBootstrap } from '@nestjs/common';
import { LazyModuleLoader, NestFactory } from '@nestjs/core';
import { filter, firstValueFrom } from 'rxjs';
import { describe, expect, it } from '@jest/globals';
import { AmqpBatchConsumer, AmqpConsumer, AmqpConsumerRegistry, AmqpModule, AmqpRpc, classicQueue } from 'nest-amqp';
import { errorOf } from '../client/support/client-harness.js';
import { publisherOf, useNest } from './support/nest-harness.js';

const nest = useNest();

type Decorate = (queue: string) => MethodDecorator;

async function startWith(decorate: Decorate): Promise<Error> {
  const queue = nest.name();

  @Injectable()
  class Billing {
    @decorate(queue)
    onOrder(): void {}
  }

  return errorOf(nest.start({ providers: [Billing] }, { topology: { queues: [classicQueue(queue)] } }));
}

const loosely = <T>(decorator: T): ((...args: unknown[]) => MethodDecorator) => decorator as never;

describe('a consumer whose decorator is wrong', () => {
  it.each<[string, Decorate, string]>([
    ['an unknown option', (queue) => loosely(AmqpConsumer)(queue, { prefetchCount: 5 }), "Billing.onOrder: unknown option 'prefetchCount'; did you mean 'prefetch'? Known are: connection, prefetch,"],
    ['an option of another kind', (queue) => loosely(AmqpRpc)(queue, { ack: 'manual' }), "Billing.onOrder: unknown option 'ack'"],
    ['a misspelt option of a batch', (queue) => loosely(AmqpBatchConsumer)(queue, { size: 2, maxwait: 5 }), "did you mean 'maxWait'?"],
    ['a wrong ack', (queue) => loosely(AmqpConsumer)(queue, { ack: 'none' }), "Billing.onOrder: ack must be 'auto' or 'manual'"],
    ['a wrong end of retries', (queue) => loosely(AmqpConsumer)(queue, { retry: { then: 'prak' } }), "retry.then must be one of park, dead-letter, discard, stop; it is a string, 'prak'"],
    ['options that are no object', (queue) => loosely(AmqpConsumer)(queue, 5), 'Billing.onOrder: expected an object with options, got number'],
    ['a wrong option of retries', (queue) => loosely(AmqpConsumer)(queue, { retry: { delay: '1s' } }), "Billing.onOrder: retry: unknown option 'delay'"],
    ['a priority that is no number', (queue) => loosely(AmqpConsumer)(queue, { priority: 'high' }), "Billing.onOrder: priority must be a whole number; it is a string, 'high'"],
    ['exclusive as text', (queue) => loosely(AmqpConsumer)(queue, { exclusive: 'false' }), "Billing.onOrder: exclusive must be true or false"],
    ['arguments that are a list', (queue) => loosely(AmqpRpc)(queue, { arguments: [] }), 'Billing.onOrder: arguments must be an object'],
    ['no concurrency', (queue) => loosely(AmqpConsumer)(queue, { concurrency: 0 }), 'Billing.onOrder: concurrency must be a whole number from 1'],
    ['no queue', () => loosely(AmqpConsumer)(), "Billing.onOrder cannot be a consumer: Its queue has no name. Give the name of a queue, as in @AmqpConsumer('billing')"],
    ["golevelup's options", () => loosely(AmqpConsumer)({ exchange: 'orders', queue: 'billing' }), "queue must be the first argument, instead of { queue: 'billing' }. Write @AmqpConsumer('billing'), and declare the queue and its bindings in the topology"],
  ])('%s fails the start, with class and method', async (_, decorate, message) => {
    expect((await startWith(decorate)).message).toContain(message);
  }); // prettier-ignore
});

describe('a backoff of your own', () => {
  it('may return one delay per retry', async () => {
    const queue = nest.name();
    nest.sweep(`${queue}.parked`, `${queue}.retry.200`, `${queue}.retry.400`);

    @Injectable()
    class Billing {
      @AmqpConsumer(queue, { retry: { attempts: 3, backoff: (retry) => retry * 200 } })
      onOrder(): void {
        throw new Error('no');
      }
    }

    const app = await nest.start({ providers: [Billing] }, { topology: { queues: [classicQueue(queue)] } });
    const parked = firstValueFrom(
      app.get(AmqpConsumerRegistry).failures$.pipe(filter(({ decision }) => decision === 'park')),
    );
    await publisherOf(app).sendToQueue(queue, 1);
    await parked;
    expect([await nest.ready(`${queue}.retry.200`), await nest.ready(`${queue}.retry.400`)]).toEqual([0, 0]);
  });
});

/** Returns a queue, and a class that consumes it. */
function consumerOfQueue() {
  const queue = nest.name();
  nest.sweep(`${queue}.parked`);

  @Injectable()
  class Billing {
    @AmqpConsumer(queue, { retry: false })
    onOrder(): void {}
  }
  return { queue, Billing };
}

describe('a class that two modules provide', () => {
  it('causes a warning: it consumes twice', async () => {
    const { queue, Billing } = consumerOfQueue();

    @Module({ providers: [Billing] })
    class OneModule {}

    @Module({ providers: [Billing] })
    class OtherModule {}

    const amqp = AmqpModule.forRoot({ url: nest.rabbit.url, topology: { queues: [classicQueue(queue)] } });
    await nest.start({ imports: [amqp, OneModule, OtherModule] });
    expect(nest.lines.with('is provided by')).toEqual([
      'WARN Billing is provided by OneModule and OtherModule: each module has an instance of its own, and each instance ' +
        'consumes. Provide it in one module, and export it from there.',
    ]);
  });
});

describe('a class that is provided under two tokens', () => {
  it('causes a warning: it consumes twice', async () => {
    const { queue, Billing } = consumerOfQueue();

    const providers = [Billing, { provide: 'billing', useClass: Billing }, { provide: 'alias', useExisting: Billing }];
    await nest.start({ providers }, { topology: { queues: [classicQueue(queue)] } });
    expect(nest.lines.with('is provided')).toEqual([
      'WARN Billing is provided under the tokens Billing and billing: each has an instance of its own, and each instance ' +
        'consumes. Provide it once, and let the other tokens use it by useExisting.',
    ]);
  });
});

describe('a consumer that cannot receive messages', () => {
  it('causes a warning in an application without AmqpModule, and its own hook runs', async () => {
    let started = false;

    @Injectable()
    class Billing implements OnApplicationBootstrap {
      @AmqpConsumer('billing')
      onOrder(): void {}

      @AmqpConsumer('invoices')
      onInvoice(): void {}

      onApplicationBootstrap(): void {
        started = true;
      }
    }

    @Module({ providers: [Billing] })
    class Root {}

    const app = await NestFactory.createApplicationContext(Root, { logger: nest.lines, abortOnError: false });
    await app.close();
    expect(started).toBe(true);
    expect(nest.lines.with('gets no messages')).toEqual([
      'WARN Billing.onOrder gets no messages: the application does not import AmqpModule. Add AmqpModule.forRoot({ url }) ' +
        'to the imports of its root module.',
    ]);
  });

  it('causes one warning in a lazily loaded module', async () => {
    const { queue, Billing } = consumerOfQueue();

    @Injectable()
    class Late {
      @AmqpConsumer(queue, { retry: false })
      onOrder(): void {}
    }

    @Module({ providers: [Late] })
    class LateModule {}

    const app = await nest.start({ providers: [Billing] }, { topology: { queues: [classicQueue(queue)] } });
    const loader = app.get(LazyModuleLoader);
    await loader.load(() => LateModule);
    await loader.load(() => LateModule);
    expect(nest.lines.with('gets no messages')).toEqual([
      'WARN Late.onOrder gets no messages: its module was loaded lazily, and consumers start with the application. Import ' +
        'the module in one that the application starts with.',
    ]);
  });

  it('causes one warning where its class consumes already', async () => {
    const queue = nest.name();

    @Injectable()
    class Billing {
      @AmqpConsumer(queue, { retry: false })
      onOrder(): void {}
    }

    @Module({ providers: [Billing] })
    class LateModule {}

    const app = await nest.start({ providers: [Billing] }, { topology: { queues: [classicQueue(queue)] } });
    await app.get(LazyModuleLoader).load(() => LateModule);
    expect(nest.lines.with('Billing.onOrder gets no messages')).toHaveLength(1);
  });
});
