import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { connect, type Channel, type Connection } from '../lib/client/index.js';
import { eventually } from './client/support/client-harness.js';
import { RawClient } from './conformance/support/raw-client.js';

const root = fileURLToPath(new URL('../', import.meta.url));

/** Each number is a tenth of that in `npm run bench:broker` and docs/broker.md, or equal to it. */
describe('EmbeddedBroker: scale', () => {
  let child: ChildProcess;
  let url: string;
  let connection: Connection;
  let channel: Channel;

  beforeEach(async () => {
    const program = [`${root}.build/embedded/lib/broker/index.js`, '{"journalSize":0}'];
    child = fork(`${root}test/support/embedded-child.mjs`, program, { execArgv: ['--expose-gc'] });
    [url] = (await once(child, 'message')) as [string];
    connection = await connect(url, { reconnect: false });
    channel = await connection.openChannel({ confirm: true });
  });
  afterEach(async () => {
    await connection.close();
    child.disconnect();
    await once(child, 'exit');
  });

  async function memory(): Promise<number> {
    child.send('memory');
    const [usage] = (await once(child, 'message')) as [NodeJS.MemoryUsage];
    return usage.heapUsed + usage.external;
  }

  it('100,000 small messages in a queue take less than 100 MB, which are freed with the messages', async () => {
    await channel.queueDeclare('q', { durable: false });
    const before = await memory();
    const total = 100_000;
    for (let sent = 0; sent < total; sent += 10_000) {
      await Promise.all(Array.from({ length: 10_000 }, () => channel.publish('', 'q', 'a small message')));
    }
    const filled = await memory();
    expect(filled - before).toBeLessThan(100 * 1024 * 1024);
    let count = 0;
    await new Promise<void>((resolve) => {
      const take = (): void => void (++count === total && resolve());
      void channel.basicConsume('q', take, { noAck: true });
    });
    expect((await channel.queueDeclare('q', { passive: true })).messageCount).toBe(0);
    // The slabs of the consumer's socket are freed by the next collections.
    await eventually(async () => (await memory()) - before < 20 * 1024 * 1024);
  });

  it('10,000 queues: declared, bound, filled by one publish, and deleted with their connection', async () => {
    const total = 10_000;
    const client = await RawClient.open(url);
    await client.openChannel();
    for (let index = 0; index < total; index++) {
      client.send(1, 'queue.declare', { queue: `q.${index}`, exclusive: true, noWait: true });
      client.send(1, 'queue.bind', { queue: `q.${index}`, exchange: 'amq.fanout', noWait: true });
    }
    client.send(1, 'confirm.select');
    await client.expect('confirm.selectOk');
    client.publish(1, { exchange: 'amq.fanout' }, {}, 'x');
    await client.expect('basic.ack');
    for (const queue of ['q.0', `q.${total - 1}`]) {
      client.send(1, 'basic.get', { queue, noAck: true });
      await client.expect('basic.getOk');
    }
    client.destroy();
    await eventually(async () => {
      const { messageCount } = await channel
        .queueDeclare(`q.${total - 1}`, { durable: false })
        .catch(() => ({ messageCount: -1 }));
      return messageCount === 0;
    });
  });

  it('1,000 consumers of one queue take turns', async () => {
    const total = 1_000;
    await channel.queueDeclare('q', { durable: false });
    const counts = new Map<string, number>();
    let seen = 0;
    const all = new Promise<void>((resolve) => {
      const take = (tag: string): void => {
        counts.set(tag, (counts.get(tag) ?? 0) + 1);
        if (++seen === 3 * total) resolve();
      };
      for (let index = 0; index < total; index++) {
        void channel.basicConsume('q', ({ consumerTag }) => take(consumerTag), { noAck: true });
      }
    });
    await eventually(async () => (await channel.queueDeclare('q', { passive: true })).consumerCount === total);
    for (let index = 0; index < 3 * total; index++) void channel.publish('', 'q', 'x');
    await all;
    expect(new Set(counts.values())).toEqual(new Set([3]));
  });
});
