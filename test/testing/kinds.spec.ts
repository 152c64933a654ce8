import 'reflect-metadata';
import { Injectable } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  AmqpBatchConsumer,
  AmqpConsumer,
  AmqpModule,
  classicQueue,
  ConfirmingPublisher,
  fixed,
  quorumQueue,
  RequeueMessage,
  serverNamedQueue,
  type AmqpBatchItem,
} from 'nest-amqp';
import { connect } from 'nest-amqp/client';
import { AmqpHarness, AmqpTestingModule } from 'nest-amqp/testing';
import { eventually } from '../client/support/client-harness.js';

@Injectable()
class Consumers {
  attempts = 0;

  @AmqpBatchConsumer('batches', { size: 3, maxWait: 2_000, retry: { attempts: 2, backoff: fixed('1m') } })
  onBatch(items: readonly AmqpBatchItem<string>[]): void {
    for (const item of items) if (item.payload === 'bad') item.fail(new Error('one bad item'));
  }

  @AmqpConsumer('mine', { retry: { attempts: 2, backoff: fixed(20) } })
  onMine(payload: string): void {
    if (payload === 'bad') throw new Error('not here');
  }

  @AmqpConsumer('updates', { retry: { attempts: 2, backoff: fixed(20) } })
  onUpdate(payload: string): void {
    this.onMine(payload);
  }

  @AmqpConsumer('hot', { prefetch: 1 })
  onHot(): void {
    this.attempts++;
    throw new RequeueMessage('never');
  }
}

/** The outcomes of consumers and queues that settle without a delay queue. */
describe('AmqpHarness, other kinds of consumers and queues', () => {
  let module: TestingModule;
  let harness: AmqpHarness;

  beforeAll(async () => {
    const queues = [
      classicQueue('batches'),
      classicQueue('mine', { exclusive: true }),
      serverNamedQueue('updates'),
      quorumQueue('hot', { deliveryLimit: 1 }),
      quorumQueue('foreign', { deliveryLimit: 1 }),
    ];
    const amqp = AmqpModule.forRoot({ url: '', topology: { queues } });
    module = await Test.createTestingModule({
      imports: [amqp, AmqpTestingModule.forRoot()],
      providers: [Consumers],
    }).compile();
    module.useLogger(false);
    await module.init();
    harness = module.get(AmqpHarness);
  });
  afterAll(() => module.close());

  it('items of a batch, each with its own outcome', async () => {
    const outcomes = await Promise.all(
      ['good', 'bad', 'good'].map((item) => harness.deliver('batches', item, { delays: 'stop' })),
    );
    expect(outcomes).toMatchObject([
      { result: 'acked', attempts: 1 },
      { result: 'waiting', delays: [60_000], errors: [{ message: 'one bad item' }] },
      { result: 'acked', attempts: 1 },
    ]);
  });

  it('retries of an exclusive queue, which wait in the process', async () => {
    expect(await harness.deliver('mine', 'bad')).toMatchObject({
      result: 'rejected',
      attempts: 2,
      delays: [20],
      deliveries: 1,
      errors: [{ message: 'not here' }, { message: 'not here' }],
    });
    expect(await harness.deliver('mine', 'bad', { delays: 'stop' })).toMatchObject({ result: 'waiting', delays: [20] });
  });

  it('of a server-named queue, by its name in the application', async () => {
    expect(await harness.deliver('updates', 'good')).toMatchObject({
      result: 'acked',
      queue: 'updates',
      deliveries: 1,
    });
    const twice = { result: 'rejected', attempts: 2, delays: [20], consumer: 'Consumers.onUpdate' };
    expect(await harness.deliver('updates', 'bad')).toMatchObject(twice);
    // A loss of the connection gives the queue another name.
    const consumed = () =>
      harness.broker.queues.find(({ name, consumers }) => name.startsWith('amq.gen') && consumers > 0);
    const before = consumed()?.name;
    harness.broker.faults.drop('reset');
    await eventually(() => ![before, undefined].includes(consumed()?.name));
    expect(await harness.deliver('updates', 'good')).toMatchObject({ result: 'acked' });
  });

  it('parked before the delivery limit of its queue would drop it', async () => {
    expect(await harness.deliver('hot', 'x')).toMatchObject({ result: 'parked', deliveries: 1, attempts: 1 });
    expect(module.get(Consumers).attempts).toBe(1);
  });

  it('dropped by the delivery limit of its queue, when another client requeues it each time', async () => {
    const connection = await connect(harness.url);
    const channel = await connection.openChannel();
    await channel.basicConsume('foreign', (delivery) => delivery.nack({ requeue: true }));
    expect(await harness.deliver('foreign', 'x')).toMatchObject({ result: 'dropped', deliveries: 2, attempts: 1 });
    await connection.close();
  });

  it('acked at its delivery to a consumer without acknowledgement', async () => {
    const connection = await connect(harness.url);
    const channel = await connection.openChannel();
    const { queue } = await channel.queueDeclare('', { exclusive: true });
    await channel.basicConsume(queue, () => {}, { noAck: true });
    expect(await harness.deliver(queue, 'x')).toMatchObject({ result: 'acked', deliveries: 1 });
    await connection.close();
  });

  it('is not idle while the application has pending publishes', async () => {
    const publishes = Promise.all(
      ['a', 'b', 'c'].map((text) => module.get(ConfirmingPublisher).sendToQueue('mine', text)),
    );
    await harness.idle();
    expect(harness.published({ routingKey: 'mine' }).map(({ payload }) => payload)).toEqual(['a', 'b', 'c']);
    await publishes;
  });
});
