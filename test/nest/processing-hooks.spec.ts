import { AsyncLocalStorage } from 'node:async_hooks';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { describe, expect, it } from '@jest/globals';
import { AmqpBatchConsumer, AmqpConsumer, quorumQueue } from 'nest-amqp';
import { Inbox } from '../support/inbox.js';
import { publisherOf, useNest } from './support/nest-harness.js';

interface Target {
  setOnProcessingStartHook(hook: (transport: symbol, context: object, done: () => Promise<unknown>) => unknown): void;
  setOnProcessingEndHook(hook: (transport: symbol, context: object) => void): void;
}

/** Finds the targets and sets its hooks as `@nestjs/observe` does. */
@Injectable()
class Observer implements OnModuleInit {
  static readonly store = new AsyncLocalStorage<string>();
  static readonly ends = new Inbox<string>();

  constructor(private readonly container: ModulesContainer) {}

  onModuleInit(): void {
    this.container.getRpcTargetRegistry<Target>().subscribe((target) => {
      target.setOnProcessingStartHook((transport, context, done) => {
        const { queue } = context as { readonly queue: string };
        // The result of `done` may be dropped.
        void Observer.store.run(`${transport.description} ${queue}`, done).catch(() => {});
      });
      target.setOnProcessingEndHook((_, context) => {
        Observer.ends.add((context as { getPattern(): string }).getPattern());
      });
    });
  }
}

describe('the processing hooks of observers such as @nestjs/observe', () => {
  const nest = useNest();

  it('are called around the handlers of consumers, too', async () => {
    const [orders, readings] = [nest.name('orders'), nest.name('readings')];
    const seen: unknown[] = [];

    @Injectable()
    class Billing {
      @AmqpConsumer(orders, { retry: { attempts: 1, then: 'dead-letter' } })
      async onOrder(order: unknown): Promise<void> {
        await new Promise((resolve) => setImmediate(resolve));
        seen.push(Observer.store.getStore());
        if (order === 'bad') throw new Error('no');
      }

      @AmqpBatchConsumer(readings, { size: 1 })
      onReadings(): void {
        seen.push(Observer.store.getStore());
      }
    }
    const topology = { queues: [quorumQueue(orders), quorumQueue(readings)] };
    const app = await nest.start({ providers: [Billing, Observer] }, { topology });
    await publisherOf(app).sendToQueue(orders, 'good');
    expect(await Observer.ends.next()).toBe(orders);
    await publisherOf(app).sendToQueue(orders, 'bad');
    expect(await Observer.ends.next()).toBe(orders);
    await publisherOf(app).sendToQueue(readings, 1);
    expect(await Observer.ends.next()).toBe(readings);
    expect(seen).toEqual([`amqp ${orders}`, `amqp ${orders}`, `amqp ${readings}`]);
  });
});
