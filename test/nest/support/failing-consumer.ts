import { Injectable, type INestApplicationContext, type Type } from '@nestjs/common';
import {
  AmqpConsumer,
  AmqpConsumerRegistry,
  fixed,
  ParkingLot,
  quorumQueue,
  type AmqpContext,
  type AmqpModuleOptions,
  type ConsumerFailure,
  type ConsumerOptions,
  type ConsumerStatus,
  type ParkedMessage,
} from 'nest-amqp';
import { type NestHarness } from './nest-harness.js';
import { Inbox } from '../../support/inbox.js';

/** Retries with a delay that a test can wait for. */
export const soon = { attempts: 3, backoff: fixed(50) };

export type Handler = (payload: unknown, context: AmqpContext) => unknown;

/** Consumers whose messages fail, with the observable results. */
export class FailingConsumers {
  constructor(private readonly nest: NestHarness) {}

  /** Returns a queue name; the queue, its delay queues and its parked queue are deleted after the test. */
  queue(...levels: readonly number[]): string {
    const queue = this.nest.name('billing');
    this.nest.sweep(`${queue}.parked`, ...[50, ...levels].map((ms) => `${queue}.retry.${ms}`));
    return queue;
  }

  /** Returns a class that consumes the queue with this handler. */
  classOf(queue: string, options: ConsumerOptions, handler: Handler): Type {
    @Injectable()
    class Billing {
      @AmqpConsumer(queue, options)
      onOrder(payload: unknown, context: AmqpContext): unknown {
        return handler(payload, context);
      }
    }
    return Billing;
  }

  /** Starts an application with one such consumer, of a quorum queue. */
  async start(queue: string, options: ConsumerOptions, handler: Handler, amqp: Partial<AmqpModuleOptions> = {}) {
    const topology = { queues: [quorumQueue(queue)] };
    const app = await this.nest.start({ providers: [this.classOf(queue, options, handler)] }, { topology, ...amqp });
    return { app, failures: this.failuresOf(app) };
  }

  failuresOf(app: INestApplicationContext): Inbox<ConsumerFailure> {
    const failures = new Inbox<ConsumerFailure>();
    app.get(AmqpConsumerRegistry, { strict: false }).failures$.subscribe(failures.add);
    return failures;
  }

  statusOf(app: INestApplicationContext): ConsumerStatus {
    return app.get(AmqpConsumerRegistry, { strict: false }).list()[0]!;
  }

  /** Waits for these counts, since `failures$` reports a failure right before it is counted. */
  async untilStatus(app: INestApplicationContext, expected: Partial<ConsumerStatus>): Promise<void> {
    const keys = Object.keys(expected) as (keyof ConsumerStatus)[];
    while (!keys.every((key) => this.statusOf(app)[key] === expected[key])) await new Promise(setImmediate);
  }

  lotOf(app: INestApplicationContext): ParkingLot {
    return app.get(ParkingLot, { strict: false });
  }

  parked(app: INestApplicationContext, queue: string): Promise<ParkedMessage[]> {
    return this.lotOf(app).list(queue, { limit: 1_000 });
  }

  /** Resolves with the next failure of this decision. */
  async until(failures: Inbox<ConsumerFailure>, decision: ConsumerFailure['decision']): Promise<ConsumerFailure> {
    for (;;) {
      const failure = await failures.next();
      if (failure.decision === decision) return failure;
    }
  }
}
