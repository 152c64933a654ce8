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
import {
  AmqpConsumer,
  AmqpConsumerRegistry,
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
  streamQueue,
  topicExchange,
  type AmqpContext,
  type AmqpModuleOptions,
  type ConsumerFailure,
  type ConsumerOptions,
} from 'nest-amqp';
import { typed, type Delivery } from 'nest-amqp/client';
import { Inbox, publisherOf, useNest } from './support/nest-harness.js';

const soon = { attempts: 3, backoff: fixed(50) };

describe('retry', () => {
  const nest = useNest();

  /** A queue with all that goes with it, gone after the test. */
  function queueWith(levels: readonly number[] = [50]): string {
    const queue = nest.name('billing');
    nest.sweep(`${queue}.parked`, ...levels.map((ms) => `${queue}.retry.${ms}`));
    return queue;
  }

  /** A class that consumes the queue with this handler. */
  function consumerOf(
    queue: string,
    options: ConsumerOptions,
    handler: (payload: unknown, context: AmqpContext) => unknown,
  ): new () => object {
    @Injectable()
    class Billing {
      @AmqpConsumer(queue, options)
      onOrder(payload: unknown, context: AmqpContext): unknown {
        return handler(payload, context);
      }
    }
    return Billing;
  }

  const quorum = (queue: string): Partial<AmqpModuleOptions> => ({ topology: { queues: [quorumQueue(queue)] } });

  /** The one message of a queue, taken out of it. */
  async function only(queue: string): Promise<Delivery> {
    const inbox = new Inbox<Delivery>();
    const consumer = await nest.channel.basicConsume(queue, inbox.add, { noAck: true });
    const delivery = await inbox.next();
    await consumer.cancel();
    return delivery;
  }

  it('hands a message to the handler again after a delay, with its attempt and failures, and as it was published', async () => {
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
});
