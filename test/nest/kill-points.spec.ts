import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { Injectable, Module, type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AmqpConsumer, AmqpModule, Ctx, fixed, quorumQueue, type AmqpContext } from 'nest-amqp';
import type { Delivery } from 'nest-amqp/client';
import { startRabbitMq, type RabbitMq } from '../support/rabbitmq.js';
import { publisherOf, useNest } from './support/nest-harness.js';
import { eventually } from '../client/support/client-harness.js';
import { Inbox } from '../support/inbox.js';

/** The library as global-setup.ts has compiled it, file by file. */
const compiled = resolve(import.meta.dirname, '../../.build/package');

/** Each step of a message to another queue, in order, and whether its effect has left the process by then. */
const points = [
  ['publish', 'at-once'],
  ['publish', 'sent'],
  ['confirm', 'at-once'],
  ['settle', 'at-once'],
  ['settle', 'sent'],
] as const;
/** Earlier steps: the target queue does not exist yet. */
const declaring = [
  ['declare', 'at-once'],
  ['declare', 'sent'],
] as const;

describe('a process that is killed', () => {
  const nest = useNest();

  async function killed(queue: string, task: string, event: string, delay: string): Promise<void> {
    const program = resolve(import.meta.dirname, 'support/killed-app.mjs');
    const child = spawn(process.execPath, [program, compiled, nest.rabbit.url, queue, task, event, delay], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
    expect(signal).toBe('SIGKILL');
  }

  function newQueue(): string {
    const queue = nest.name('billing');
    nest.sweep(`${queue}.parked`, `${queue}.retry.50`);
    return queue;
  }

  /** Declares the queue as an application does at its first parked message. */
  async function declareParked(queue: string): Promise<void> {
    await nest.channel.queueDeclare(`${queue}.parked`, {
      arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': 2 ** 31 - 1 },
    });
  }

  /** Consumes with a running application until the message is parked; a further message shows that no more follow. */
  async function finish(queue: string): Promise<Delivery[]> {
    const app = await nest.start({ providers: [failing(queue)] }, { topology: { queues: [quorumQueue(queue)] } });
    const inbox = new Inbox<Delivery>();
    await declareParked(queue);
    // RabbitMQ answers basic.consume with 541 while it creates the queue.
    await eventually(async () => (await nest.ready(`${queue}.parked`)) > 0);
    await nest.channel.basicConsume(`${queue}.parked`, inbox.add, { noAck: true });
    await inbox.next();
    await publisherOf(app).sendToQueue(queue, 'last', { messageId: 'last' });
    while ((await inbox.next()).properties.messageId !== 'last');
    return inbox.all.filter(({ properties }) => properties.messageId !== 'last');
  }

  describe.each(['retry', 'park'])('during the %s of a message', (task) => {
    it.each([...declaring, ...points])(
      'at %s, %s: the message is finally parked, with its failure',
      async (event, delay) => {
        const queue = newQueue();
        await nest.channel.queueDeclare(queue, { arguments: { 'x-queue-type': 'quorum' } });
        await nest.channel.publish('', queue, '"x"', { messageId: 'm', contentType: 'application/json' });
        await killed(queue, task, event, delay);
        const parked = await finish(queue);
        // At-least-once allows one or two copies.
        expect(parked.length).toBeLessThanOrEqual(2);
        for (const { properties } of parked) {
          const history = properties.headers!['x-nest-amqp-retry'] as { 'last-failure': { message: string } };
          expect(properties.messageId).toBe('m');
          expect(history['last-failure'].message).toMatch(/^Error: (from the killed process|again)$/);
        }
      },
    );
  });

  it.each([
    ...points.map((point) => ['a redrive', 'redrive', ...point] as const),
    ...points.map((point) => ['a redrive with an edit', 'edit', ...point] as const),
  ])('in %s (%s), at %s, %s: every message is in its queue or parked', async (_, task, event, delay) => {
    const queue = newQueue();
    await nest.channel.queueDeclare(queue, { arguments: { 'x-queue-type': 'quorum' } });
    await declareParked(queue);
    const ids = ['a', 'b', 'c'];
    for (const messageId of ids) await nest.channel.publish('', `${queue}.parked`, '1', { messageId });
    await killed(queue, task, event, delay);
    const inbox = new Inbox<Delivery>();
    for (const name of [queue, `${queue}.parked`]) {
      await nest.channel.basicConsume(name, inbox.add, { noAck: true });
    }
    // The messages of the killed process are requeued when the broker has noticed its end.
    const found = new Set<string>();
    while (found.size < ids.length) {
      const { properties, body, routingKey } = await inbox.next();
      found.add(properties.messageId!);
      // A copy is whole: edited in its queue, and as it was in the parked queue.
      const isEdited = task === 'edit' && routingKey === queue;
      expect([body.toString(), properties.headers?.['edited']]).toEqual(isEdited ? ['2', 'yes'] : ['1', undefined]);
    }
    expect([...found].toSorted()).toEqual(ids);
  });

  it.each([
    ['deliver', 'at-once'],
    ['deliver', 'sent'],
    ['settle', 'at-once'],
    ['settle', 'sent'],
  ])('in a look at parked messages, at %s, %s: every message is parked, once', async (event, delay) => {
    const queue = newQueue();
    await nest.channel.queueDeclare(queue, { arguments: { 'x-queue-type': 'quorum' } });
    await declareParked(queue);
    const ids = Array.from({ length: 200 }, (_, n) => `m${String(n).padStart(3, '0')}`);
    await Promise.all(ids.map((messageId) => nest.channel.publish('', `${queue}.parked`, '1', { messageId })));
    await killed(queue, 'look', event, delay);
    const inbox = new Inbox<string>();
    await nest.channel.basicConsume(`${queue}.parked`, ({ properties }) => inbox.add(properties.messageId!), {
      noAck: true,
    });
    expect((await inbox.take(ids.length)).toSorted()).toEqual(ids);
    expect(await nest.ready(`${queue}.parked`)).toBe(0);
  });
});

describe('a broker that restarts', () => {
  let rabbit: RabbitMq;

  beforeAll(async () => {
    // The spec restarts the broker, so it does not use that of AMQP_URL.
    rabbit = await startRabbitMq({ source: 'local' });
  });
  afterAll(() => rabbit?.stop());

  it('keeps messages that wait for their retry', async () => {
    const queue = 'billing';
    const seen = new Inbox<AmqpContext>();

    @Injectable()
    class Billing {
      @AmqpConsumer(queue, { retry: { attempts: 3, backoff: fixed('1s') } })
      onOrder(@Ctx() context: AmqpContext): void {
        seen.add(context);
        if (context.attempt === 1) throw new Error('the first time');
      }
    }

    @Module({
      imports: [AmqpModule.forRoot({ url: rabbit.url, topology: { queues: [quorumQueue(queue)] } })],
      providers: [Billing],
    })
    class RootModule {}

    const start = (): Promise<INestApplicationContext> =>
      NestFactory.createApplicationContext(RootModule, { logger: false });
    const first = await start();
    await publisherOf(first).sendToQueue(queue, 1, { persistent: false });
    await seen.next();
    await first.close();
    await rabbit.restart();
    const second = await start();
    expect(await seen.next()).toMatchObject({ attempt: 2, lastFailure: { message: 'Error: the first time' } });
    await second.close();
  });
});

/** Returns a consumer whose handler always fails: every message is parked at the second attempt. */
function failing(queue: string): new () => object {
  @Injectable()
  class Billing {
    @AmqpConsumer(queue, { retry: { attempts: 2, backoff: fixed(50) } })
    onOrder(): void {
      throw new Error('again');
    }
  }
  return Billing;
}
