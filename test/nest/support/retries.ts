import { Injectable } from '@nestjs/common';
import { AmqpConsumer, type AmqpContext, type ConsumerOptions } from 'nest-amqp';
import type { Delivery } from 'nest-amqp/client';
import { eventually } from '../../client/support/client-harness.js';
import { Inbox } from '../../support/inbox.js';
import { useNest } from './nest-harness.js';

/** Creates the harness for suites of failing messages, with queues, consumers and parked messages. */
export function useRetries() {
  const nest = useNest();

  /** Returns a queue name; all queues that belong to it are deleted after the test. */
  function queueWith(levels: readonly number[] = [50]): string {
    const queue = nest.name('billing');
    nest.sweep(`${queue}.parked`, ...levels.map((ms) => `${queue}.retry.${ms}`));
    return queue;
  }

  /** Returns a class that consumes the queue with this handler. */
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

  /** Takes the only message out of an existing queue. */
  async function only(queue: string): Promise<Delivery> {
    const inbox = new Inbox<Delivery>();
    const consumer = await nest.channel.basicConsume(queue, inbox.add, { noAck: true });
    const delivery = await inbox.next();
    await consumer.cancel();
    return delivery;
  }

  /**
   * Takes the only parked message. The application declares the parked queue with its first message, so that may come later;
   * RabbitMQ answers basic.consume with 541 while it creates the queue.
   */
  async function parkedOf(queue: string): Promise<Delivery> {
    const parked = `${queue}.parked`;
    await nest.channel.queueDeclare(parked, {
      arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': 2 ** 31 - 1 },
    });
    await eventually(async () => (await nest.ready(parked)) > 0);
    return only(parked);
  }

  return { nest, queueWith, consumerOf, only, parkedOf };
}
