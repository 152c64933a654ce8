import { Injectable, type INestApplicationContext } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { AmqpConsumer, Payload, quorumQueue } from 'nest-amqp';
import { publisherOf, useNest } from './support/nest-harness.js';
import { Inbox } from '../support/inbox.js';

const nest = useNest();

describe('one message at a time, and a single active consumer', () => {
  it.each([10, 1])('N2 2.5: keeps the order when an instance hands over, prefetch %i', async (prefetch) => {
    const queue = nest.name('ordered');
    const handled: number[] = [];
    const arrivals = new Inbox<number>();

    @Injectable()
    class Ordered {
      @AmqpConsumer(queue, { concurrency: 1, prefetch })
      async onMessage(@Payload() n: number): Promise<void> {
        await new Promise(setImmediate);
        handled.push(n);
        arrivals.add(n);
      }
    }

    const topology = { queues: [quorumQueue(queue, { singleActiveConsumer: true })] };
    const start = (): Promise<INestApplicationContext> => nest.start({ providers: [Ordered] }, { topology });
    let [active, waiting] = [await start(), await start()];
    const count = 600;
    const sent = Promise.all(Array.from({ length: count }, (_, n) => publisherOf(active).sendToQueue(queue, n)));
    await sent;
    // Hands over gracefully several times while messages flow.
    for (let handover = 1; handover <= 5; handover++) {
      while (handled.length < handover * 80) await arrivals.next();
      const leaving = nest.close(active);
      active = waiting;
      await leaving;
      waiting = await start();
    }
    while (handled.length < count) await arrivals.next();
    expect(handled).toEqual(Array.from({ length: count }, (_, n) => n));
  });
});
