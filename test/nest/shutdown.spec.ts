import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { Injectable } from '@nestjs/common';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { AmqpConsumer, classicQueue, Payload } from 'nest-amqp';
import type { Delivery } from 'nest-amqp/client';
import { publisherOf, useNest } from './support/nest-harness.js';
import { Inbox } from '../support/inbox.js';

const root = resolve(import.meta.dirname, '../..');
const IN_FLIGHT = 1_000;
/** Messages in the queue besides those in flight. */
const REST = 200;

describe('SIGTERM with 1,000 messages in flight', () => {
  const nest = useNest();

  beforeAll(async () => {
    await promisify(execFile)('npx', ['tsc', '-p', 'test/nest/apps'], { cwd: root });
  }, 120_000);

  it.each(['standalone', 'http', 'hybrid'])(
    'each is handled or requeued: none is lost, none handled twice, in an application of kind %s',
    async (mode) => {
      const [queue, done] = [nest.name('orders'), nest.name('done')];
      await nest.channel.queueDeclare(queue);
      await nest.channel.queueDeclare(done);
      const numbers = Array.from({ length: IN_FLIGHT + REST }, (_, n) => n);
      const json = { contentType: 'application/json' };
      await Promise.all(numbers.map((n) => nest.channel.publish('', queue, String(n), json)));

      const child = spawn(process.execPath, ['.build/nest-apps/test/nest/apps/shutdown.app.js', mode], {
        cwd: root,
        env: { ...process.env, AMQP_URL: nest.rabbit.url, QUEUE: queue, DONE: done, IN_FLIGHT: String(IN_FLIGHT) },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const exited = once(child, 'exit');
      const lines: string[] = [];
      const output = createInterface(child.stdout);
      output.on('line', (line) => {
        lines.push(line);
        if (line === 'all in flight') child.kill('SIGTERM');
      });
      await Promise.all([exited, once(output, 'close')]);
      // Nest ends the process with the signal once everything is closed.
      expect(await exited).toEqual([null, 'SIGTERM']);

      const said = (what: string): number[] =>
        lines.filter((line) => line.startsWith(`${what} `)).map((line) => Number(line.slice(what.length + 1)));
      const begun = said('begun');
      const handled = said('handled');
      expect(new Set(begun).size).toBe(begun.length);
      expect(begun).toHaveLength(IN_FLIGHT);
      expect(handled.toSorted((a, b) => a - b)).toEqual(begun.filter((n) => n % 10 !== 0).toSorted((a, b) => a - b));
      // The database closed after the last handler.
      expect(lines.at(-1)).toBe('database closed');

      const remaining = await drain(queue);
      expect(remaining.toSorted((a, b) => a - b)).toEqual(numbers.filter((n) => !handled.includes(n)));
      // The messages that handlers have published have arrived: the shutdown waited for their confirms.
      expect((await drain(done)).toSorted((a, b) => a - b)).toEqual(handled.toSorted((a, b) => a - b));
    },
    120_000,
  );

  /** Takes the numbers out of a queue. */
  async function drain(queue: string): Promise<number[]> {
    const numbers: number[] = [];
    for (let message: Delivery | undefined; ;) {
      message = await nest.channel.basicGet(queue, { noAck: true });
      if (!message) return numbers;
      numbers.push(message.json() as number);
    }
  }
});

describe('app.close()', () => {
  const nest = useNest();

  it('waits for handlers no longer than the grace period; their messages are requeued', async () => {
    const queue = nest.name();
    const begun = new Inbox();

    @Injectable()
    class Billing {
      @AmqpConsumer(queue)
      async onOrder(@Payload() order: unknown): Promise<void> {
        begun.add(order);
        await new Promise<never>(() => {});
      }
    }

    const topology = { queues: [classicQueue(queue)] };
    const app = await nest.start({ providers: [Billing] }, { topology, gracePeriod: 200 });
    await publisherOf(app).sendToQueue(queue, 1);
    await begun.next();
    const begin = performance.now();
    await nest.close(app);
    expect(performance.now() - begin).toBeGreaterThan(190);
    expect(performance.now() - begin).toBeLessThan(5_000);
    expect(await nest.ready(queue)).toBe(1);
    // One line tells it all.
    expect(nest.lines.with('WARN')).toEqual([
      `WARN Stopped consuming queue '${queue}' in Billing.onOrder with 1 messages in their handlers, which had 200 ms ` +
        '(gracePeriod): they go back to the queue',
    ]);
  });

  it('acknowledges messages that are handled at its very end', async () => {
    const queue = nest.name();
    const begun = new Inbox();
    let finish = (): void => {};

    @Injectable()
    class Billing {
      @AmqpConsumer(queue)
      async onOrder(@Payload() order: unknown): Promise<void> {
        begun.add(order);
        await new Promise<void>((resolve) => (finish = resolve));
      }
    }

    const app = await nest.start({ providers: [Billing] }, { topology: { queues: [classicQueue(queue)] } });
    await publisherOf(app).sendToQueue(queue, 1);
    await begun.next();
    const closing = nest.close(app);
    finish();
    await closing;
    expect(await nest.ready(queue)).toBe(0);
  });

  it('waits for the confirms of pending publishes', async () => {
    const queue = nest.name();
    const app = await nest.start({}, { topology: { queues: [classicQueue(queue)] } });
    const sent = Array.from({ length: 200 }, (_, n) => publisherOf(app).sendToQueue(queue, n));
    await sent[0];
    await nest.close(app);
    expect(await Promise.all(sent)).toHaveLength(200);
    expect(await nest.ready(queue)).toBe(200);
  });
});
