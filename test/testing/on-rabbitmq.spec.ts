import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { Module, type INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AmqpModule, ConfirmingPublisher } from 'nest-amqp';
import { connect, NotFoundError, type Channel, type Connection } from 'nest-amqp/client';
import { AmqpHarness, AmqpTestingModule, type DeliverOptions, type DeliveryOutcome } from 'nest-amqp/testing';
import { SettlerFactory } from '../../src/settlement/settler.factory.js';
import { eventually } from '../client/support/client-harness.js';
import { sharedRabbit } from '../support/shared-broker.js';
import { consumersOf, topologyOf, type Order } from './support/shop.js';

const prefix = `shop-${randomUUID().slice(0, 8)}.`;

interface Case {
  readonly queue: string;
  readonly payload: Order | Buffer;
  readonly options?: Pick<DeliverOptions, 'headers' | 'contentType'>;
  readonly expected: Partial<DeliveryOutcome>;
}

/** The cases that also run on a broker whose clock cannot be moved. */
const cases: Record<string, Case> = {
  acked: { queue: 'billing', payload: { id: 1 }, expected: { result: 'acked', attempts: 1 } },
  'parked by a guard': {
    queue: 'billing',
    payload: { id: 2 },
    options: { headers: { stranger: true } },
    expected: { result: 'parked', attempts: 1, movedTo: ['billing.parked'] },
  },
  'parked, undecodable': {
    queue: 'numbers',
    payload: Buffer.from('{'),
    options: { contentType: 'application/json' },
    expected: { result: 'parked', attempts: 1, movedTo: ['numbers.parked'] },
  },
  'dead-lettered': {
    queue: 'strict',
    payload: { id: 3, fail: 'reject' },
    expected: { result: 'dead-lettered', attempts: 1, movedTo: ['undertaker'] },
  },
  rejected: { queue: 'careless', payload: { id: 4, fail: 'reject' }, expected: { result: 'rejected', movedTo: [] } },
  waiting: {
    queue: 'billing',
    payload: { id: 5, fail: 'always' },
    expected: { result: 'waiting', delays: [30_000], movedTo: ['billing.retry.30000'] },
  },
};
const places = ['billing.parked', 'numbers.parked', 'undertaker', 'billing.retry.30000'];

function appOn(url: string) {
  @Module({ imports: [AmqpModule.forRoot({ url, topology: topologyOf(prefix) })], providers: consumersOf(prefix) })
  class AppModule {}
  return AppModule;
}

describe('outcomes of the harness, compared with those of RabbitMQ', () => {
  const { url } = sharedRabbit();
  const decisions = new Map<string | undefined, string>();
  let harness: AmqpHarness;
  let app: INestApplicationContext;
  let tested: INestApplicationContext;
  let connection: Connection;
  let channel: Channel;

  beforeAll(async () => {
    const onRabbit = await Test.createTestingModule({ imports: [appOn(url)] }).compile();
    onRabbit.useLogger(false);
    app = await onRabbit.init();
    app.get(SettlerFactory).failures$.subscribe(({ messageId, decision }) => decisions.set(messageId, decision));
    const onHarness = await Test.createTestingModule({ imports: [appOn(url), AmqpTestingModule.forRoot()] }).compile();
    onHarness.useLogger(false);
    tested = await onHarness.init();
    harness = tested.get(AmqpHarness);
    connection = await connect(url);
    channel = await connection.openChannel();
  });
  afterAll(async () => {
    await app.close();
    await tested.close();
    const { queues = [], exchanges = [] } = topologyOf(prefix);
    const delays = [500, 1_000, 2_000, 30_000, 60_000, 3_600_000].map((ms) => `.retry.${ms}`);
    for (const { name } of queues) {
      for (const suffix of ['', '.parked', ...delays]) await channel.queueDelete(name + suffix);
    }
    for (const { name } of exchanges) await channel.exchangeDelete(name);
    await connection.close();
  });

  it.each(Object.entries(cases))('%s', async (name, { queue, payload, options = {}, expected }) => {
    const messageId = `${prefix}${name}`;
    const movedTo = expected.movedTo?.map((place) => prefix + place);
    const outcome = await harness.deliver(prefix + queue, payload, { ...options, messageId, delays: 'stop' });
    expect(outcome).toMatchObject({ ...expected, ...(movedTo && { movedTo }) });

    await app.get(ConfirmingPublisher).sendToQueue(prefix + queue, payload, { ...options, messageId });
    const decided = {
      acked: undefined,
      parked: 'park',
      'dead-lettered': 'dead-letter',
      rejected: 'dead-letter',
      waiting: 'retry',
    };
    const decision = decided[outcome.result as keyof typeof decided];
    await eventually(() => decisions.get(messageId) === decision);
    // On RabbitMQ the message is in the queue that the harness names, and in no other.
    const found: string[] = [];
    await eventually(async () => {
      found.length = 0;
      for (const place of places) if (await holds(prefix + place, messageId)) found.push(prefix + place);
      return found.length === outcome.movedTo.length;
    });
    expect(found).toEqual(outcome.movedTo);
    const left = async (): Promise<number> =>
      (await channel.queueDeclare(prefix + queue, { passive: true })).messageCount;
    await eventually(async () => (await left()) === 0);
  });

  /**
   * Returns whether a message with this id is in the queue; it stays there. Delay and parked queues exist from their first
   * message on.
   */
  async function holds(queue: string, messageId: string): Promise<boolean> {
    const scratch = await connection.openChannel({ restore: false });
    let there = false;
    try {
      for (let got; (got = await scratch.basicGet(queue));) there ||= got.properties.messageId === messageId;
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
    }
    // Fetched messages are requeued with their channel.
    await scratch.close();
    return there;
  }
});
