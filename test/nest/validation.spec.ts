import * as common from '@nestjs/common';
import { Injectable, UsePipes, ValidationPipe, type PipeTransform } from '@nestjs/common';
import { APP_PIPE, NestFactory } from '@nestjs/core';
import { IsInt, IsString } from 'class-validator';
import { describe, expect, it } from '@jest/globals';
import {
  AmqpConsumer,
  AmqpConsumerRegistry,
  AmqpModule,
  classicQueue,
  InvalidConsumerError,
  Payload,
  type ConsumerFailure,
} from 'nest-amqp';
import { publisherOf, useNest } from './support/nest-harness.js';
import { Inbox } from '../support/inbox.js';

const nest = useNest();

class Order {
  @IsString()
  item!: string;

  @IsInt()
  quantity!: number;
}

const good = { item: 'Lamp', quantity: 1 };
const bad = { item: 'Lamp', quantity: 'many' };

/** Publishes a valid and an invalid order; the valid one has to arrive, the invalid one to be parked at its first attempt. */
async function prove(queue: string, app: common.INestApplicationContext, got: Inbox<unknown>): Promise<unknown> {
  const failures = new Inbox<ConsumerFailure>();
  app.get(AmqpConsumerRegistry).failures$.subscribe(failures.add);
  await publisherOf(app).sendToQueue(queue, bad);
  await publisherOf(app).sendToQueue(queue, good);
  const order = await got.next();
  expect(order).toEqual(good);
  expect(await failures.next()).toMatchObject({ attempt: 1, decision: 'park', cause: { name: 'BadRequestException' } });
  await nest.close(app);
  expect(got.all).toHaveLength(1);
  expect(await nest.ready(`${queue}.parked`)).toBe(1);
  return order;
}

const topologyOf = (queue: string) => ({ queues: [classicQueue(queue), classicQueue(`${queue}.parked`)] });

describe("class-validator's ValidationPipe", () => {
  const pipe = new ValidationPipe({ transform: true });

  it.each(['global', 'class', 'method', 'parameter', 'undecorated'] as const)('at the level: %s', async (level) => {
    const queue = nest.name('validation');
    const got = new Inbox<unknown>();
    const use = (where: typeof level): ClassDecorator & MethodDecorator =>
      (where === level ? UsePipes(pipe) : () => {}) as ClassDecorator & MethodDecorator;

    @Injectable()
    @use('class')
    class Decorated {
      @AmqpConsumer(queue)
      @use('method')
      onOrder(@Payload(...(level === 'parameter' ? [pipe] : [])) order: Order): void {
        got.add(order);
      }
    }

    @Injectable()
    class Undecorated {
      @AmqpConsumer(queue)
      onOrder(order: Order): void {
        got.add(order);
      }
    }

    const providers = [
      level === 'undecorated' ? Undecorated : Decorated,
      ...(level === 'global' || level === 'undecorated' ? [{ provide: APP_PIPE, useValue: pipe }] : []),
    ];
    const app = await nest.start({ providers }, { topology: topologyOf(queue) });
    expect(await prove(queue, app, got)).toBeInstanceOf(Order);
  });

  it('bound by app.useGlobalPipes()', async () => {
    const queue = nest.name('validation');
    const got = new Inbox<unknown>();

    @Injectable()
    class Billing {
      @AmqpConsumer(queue)
      onOrder(@Payload() order: Order): void {
        got.add(order);
      }
    }

    @common.Module({
      imports: [AmqpModule.forRoot({ url: nest.rabbit.url, topology: topologyOf(queue) })],
      providers: [Billing],
    })
    class AppModule {}

    const app = nest.adopt(await NestFactory.create(AppModule, { logger: nest.lines }));
    app.useGlobalPipes(pipe);
    await app.init();
    expect(await prove(queue, app, got)).toBeInstanceOf(Order);
  });
});

describe('@Payload({ schema })', () => {
  const schema = {
    '~standard': {
      version: 1 as const,
      vendor: 'a test',
      validate: (value: unknown) =>
        typeof (value as typeof good).quantity === 'number'
          ? { value: { ...(value as typeof good) } }
          : { issues: [{ message: 'no number', path: ['quantity'] }] },
    },
  };
  const SchemaPipe = (common as unknown as { StandardSchemaValidationPipe?: new () => PipeTransform })
    .StandardSchemaValidationPipe;

  const declare = (queue: string, got: Inbox<unknown>) => {
    @Injectable()
    class Billing {
      @AmqpConsumer(queue)
      onOrder(@Payload({ schema, pipes: SchemaPipe ? [new SchemaPipe()] : [] }) order: unknown): void {
        got.add(order);
      }
    }
    return Billing;
  };

  it('validates with StandardSchemaValidationPipe on Nest 12, and is refused on Nest 11', async () => {
    const queue = nest.name('validation');
    const got = new Inbox<unknown>();
    if (!SchemaPipe) {
      expect(() => declare(queue, got)).toThrow(InvalidConsumerError);
      return;
    }
    const app = await nest.start({ providers: [declare(queue, got)] }, { topology: topologyOf(queue) });
    await prove(queue, app, got);
  });
});
