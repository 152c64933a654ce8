import { Injectable } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { firstValueFrom } from 'rxjs';
import {
  AmqpBatchConsumer,
  AmqpConsumer,
  AmqpStartupError,
  classicQueue,
  Ctx,
  fixed,
  Payload,
  RpcTimeoutError,
  type AmqpBatchItem,
  type AmqpContext,
} from 'nest-amqp';
import { PublishTimeoutError } from 'nest-amqp/client';
import { AmqpClientProxy, RequestTimeoutError } from 'nest-amqp/microservices';
import { ManualClock } from '../client/support/manual-clock.js';
import { publisherOf, useNest } from './support/nest-harness.js';
import { Inbox } from '../support/inbox.js';

const NOWHERE = 'amqp://127.0.0.1:1';
/** Milliseconds of a delay that exceeds every test on the machine's clock. */
const HOUR = 3_600_000;
const random = { next: () => 0, bytes: (size: number) => Buffer.alloc(size, 0xff) };

describe('a connection uses the clock and the random source of its options', () => {
  const nest = useNest();
  const environment = () => ({ clock: new ManualClock(), random, heartbeat: 0 });

  it('ids of messages', async () => {
    const queue = nest.name();
    const app = await nest.start({}, { topology: { queues: [classicQueue(queue)] }, connection: environment() });
    const { messageId } = await publisherOf(app).sendToQueue(queue, 1);
    expect(messageId).toBe('ffffffff-ffff-4fff-bfff-ffffffffffff');
  });

  it('the deadline of the start', async () => {
    const connection = environment();
    // Each attempt fails at once, and only the virtual delays pass.
    const starting = nest.start({}, { url: NOWHERE, startupTimeout: HOUR, connection });
    const failure = failureOf(starting);
    await nest.lines.until('next attempt in 0 ms');
    connection.clock.advance(HOUR);
    expect(await failure).toBeInstanceOf(AmqpStartupError);
  });

  it('the deadline of a publish that waits for the connection', async () => {
    const connection = environment();
    const app = await nest.start({}, { url: NOWHERE, startup: 'background', connection });
    const failure = failureOf(publisherOf(app).sendToQueue('q', 1, { timeout: HOUR }));
    await nest.lines.until('next attempt');
    connection.clock.advance(HOUR);
    expect(await failure).toBeInstanceOf(PublishTimeoutError);
  });

  it('the deadline of a request', async () => {
    const queue = nest.name();
    const connection = environment();
    const app = await nest.start({}, { topology: { queues: [classicQueue(queue)] }, connection });
    const failure = failureOf(publisherOf(app).request('', queue, 1, { timeout: HOUR }));
    await publisherOf(app).sendToQueue(queue, 'behind it');
    connection.clock.advance(HOUR);
    expect(await failure).toBeInstanceOf(RpcTimeoutError);
  });

  it('the delay of a retry in the process, and the time of the failure', async () => {
    const queue = nest.name();
    const attempts = new Inbox<AmqpContext>();
    @Injectable()
    class Failing {
      @AmqpConsumer(queue, { retry: { attempts: 2, backoff: fixed(HOUR) } })
      handle(@Ctx() context: AmqpContext): void {
        attempts.add(context);
        if (context.attempt === 1) throw new Error('not yet');
      }
    }
    const connection = environment();
    const topology = { queues: [classicQueue(queue, { exclusive: true, durable: false })] };
    const app = await nest.start({ providers: [Failing] }, { topology, connection });
    await publisherOf(app).sendToQueue(queue, 1);
    await nest.lines.until(`retried in ${HOUR} ms`);
    connection.clock.advance(HOUR);
    const [, second] = await attempts.take(2);
    expect(second).toMatchObject({ attempt: 2, lastFailure: { time: new Date(0) } });
  });

  it('the age of a batch', async () => {
    const queue = nest.name();
    const batches = new Inbox<number>();
    const arrived = new Inbox();
    @Injectable()
    class Batches {
      @AmqpBatchConsumer(queue, {
        size: 10,
        maxWait: HOUR,
        itemPipes: [{ transform: (value: unknown) => (arrived.add(value), value) }],
      })
      handle(@Payload() items: AmqpBatchItem[]): void {
        batches.add(items.length);
      }
    }
    const connection = environment();
    const topology = { queues: [classicQueue(queue)] };
    const app = await nest.start({ providers: [Batches] }, { topology, connection });
    for (const message of [1, 2]) await publisherOf(app).sendToQueue(queue, message);
    await arrived.take(2);
    // The items have passed their pipes.
    await new Promise<void>((resolve) => setImmediate(resolve));
    connection.clock.advance(HOUR);
    expect(await batches.next()).toBe(2);
  });

  it('the deadline of a request of the transport, and its ids', async () => {
    const queue = nest.name();
    const connection = environment();
    const client = new AmqpClientProxy({ urls: nest.rabbit.url, queue, requestTimeout: HOUR, connection });
    await client.connect();
    const failure = failureOf(firstValueFrom(client.send('price', 1)));
    await firstValueFrom(client.emit('event', 1), { defaultValue: undefined });
    // Requests and events have a channel each, so the broker may queue the event first.
    const arrived = new Inbox<string | undefined>();
    await nest.channel.basicConsume(queue, ({ properties }) => arrived.add(properties.correlationId), { noAck: true });
    expect(await arrived.take(2)).toContainEqual(expect.stringMatching(/^ffffffff-ffff-4/));
    connection.clock.advance(HOUR);
    expect(await failure).toBeInstanceOf(RequestTimeoutError);
    await client.close();
  });
});

function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}
