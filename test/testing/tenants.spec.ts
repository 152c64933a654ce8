import 'reflect-metadata';
import { channel } from 'node:diagnostics_channel';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Module } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  AmqpConsumerRegistry,
  AmqpModule,
  AmqpTopology,
  bindQueue,
  classicQueue,
  ConfirmingPublisher,
  topicExchange,
} from 'nest-amqp';
import type { Survey } from 'nest-amqp/client';
import { AmqpHarness, AmqpTestingModule } from 'nest-amqp/testing';
import { eventually } from '../client/support/client-harness.js';
import { Inbox } from '../support/inbox.js';

/** Each tenant has a queue, and its consumer comes and goes. */
const TENANTS = 1_000;
/** Consumers of each tenant, one after another. On Nest 11 there are fewer, see package.json. */
const VISITS = Number(process.env['TENANT_VISITS'] ?? 100);
const AT_ONCE = 100;
/** ms. It takes 40 s, and many times that on a machine that others use. */
const PATIENCE = 1_200_000;
/** One message of these tenants is parked. */
const FAILING = 100;

@Module({
  imports: [
    AmqpModule.forRoot({ url: 'amqp://nobody@127.0.0.1:1', topology: { exchanges: [topicExchange('orders')] } }),
  ],
})
class TenantsModule {}

/** Collects garbage. The flag has an effect on contexts that are created later. */
function gcOf(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

/** Returns the number of connections and consumers that answer a survey. */
function survey(): { connections: number; consumers: number } {
  const found = { connections: 0, consumers: 0 };
  channel('nest-amqp:survey').publish({
    connection: () => void found.connections++,
    consumer: () => void found.consumers++,
  } satisfies Survey);
  return found;
}

describe('tenants that come and go', () => {
  let module: TestingModule;
  beforeAll(async () => {
    module = await Test.createTestingModule({ imports: [TenantsModule, AmqpTestingModule.forRoot()] }).compile();
    module.useLogger(false);
    await module.init();
  });
  afterAll(() => module.close());

  it(
    `leave nothing behind: ${TENANTS} queues, and ${TENANTS * VISITS} consumers of them`,
    async () => {
      const consumers = module.get(AmqpConsumerRegistry, { strict: false });
      const topology = module.get(AmqpTopology, { strict: false });
      const publisher = module.get(ConfirmingPublisher, { strict: false });
      const { broker } = module.get(AmqpHarness);
      // Suites that ran in this process before may have left consumers.
      const before = survey();
      // Opens the channel of the publisher, which stays.
      await publisher.publish('orders', 'nobody', 'an order', { mandatory: false });
      const channels = { opened: 0, closed: 0 };
      broker.journal.watch((entry) => {
        if (entry.kind !== 'method') return;
        if (entry.name === 'channel.open') channels.opened++;
        if (entry.name === 'channel.close') channels.closed++;
      });
      const parked = new Inbox<string>();
      consumers.failures$.subscribe(({ queue }) => parked.add(queue));
      // What is left of a consumer keeps its handler.
      let collected = 0;
      const garbage = new FinalizationRegistry(() => collected++);
      const visit = async (queue: string, fails: boolean): Promise<void> => {
        const handler = (): void => {
          if (fails) throw new Error('planned');
        };
        garbage.register(handler, undefined);
        const handle = await consumers.add(queue, handler, { retry: false });
        if (fails) {
          const told = parked.waiting;
          await publisher.publish('orders', queue, 'a bad order');
          await eventually(async () => parked.waiting > told && handle.status.failed === 1);
        }
        await handle.stop();
      };
      let next = 0;
      const work = async (): Promise<void> => {
        while (next < TENANTS) {
          const tenant = next++;
          const queue = `orders.${tenant}`;
          await topology.declare({ queues: [classicQueue(queue)], bindings: [bindQueue(queue, 'orders', queue)] });
          for (let count = 1; count <= VISITS; count++) await visit(queue, count === VISITS && tenant < FAILING);
          await topology.delete({ queues: [queue, `${queue}.parked`] });
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, work));

      expect(consumers.list()).toEqual([]);
      expect(broker.queues).toEqual([]);
      expect(channels.closed).toBe(channels.opened);
      expect(survey()).toEqual(before);
      const gc = gcOf();
      await eventually(async () => {
        gc();
        return collected === TENANTS * VISITS;
      });
    },
    PATIENCE,
  );
});
