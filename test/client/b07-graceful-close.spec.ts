import { describe, expect, it } from '@jest/globals';
import { Deferred } from '../../lib/client/timing/deferred.js';
import { ChannelClosedError, ConnectionClosedError, type Channel, type Delivery } from '../../lib/client/index.js';
import { errorOf, useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';

describe('B7 graceful close', () => {
  const harness = useClientHarness();

  async function filled(channel: Channel, count: number): Promise<string> {
    const queue = harness.name();
    await channel.queueDeclare(queue);
    for (let n = 0; n < count; n++) await channel.publish('', queue, `${n}`);
    return queue;
  }

  async function left(queue: string): Promise<{ text: string; redelivered: boolean }[]> {
    const channel = await (await harness.connect()).openChannel();
    const all: { text: string; redelivered: boolean }[] = [];
    for (;;) {
      const delivery = await channel.basicGet(queue, { noAck: true });
      if (!delivery) return all;
      all.push({ text: delivery.text(), redelivered: delivery.redelivered });
    }
  }

  it.each(['channel', 'connection'] as const)(
    'B7 %s.close() cancels consumers, awaits running handlers, and flushes their acks',
    async (what) => {
      const connection = await harness.connect();
      const channel = await connection.openChannel({ confirm: true, prefetch: 3 });
      const queue = await filled(channel, 10);
      const release = new Deferred<void>();
      const started = new Inbox<Delivery>();
      let finished = 0;
      const consumer = await channel.basicConsume(queue, async (delivery) => {
        started.add(delivery);
        await release.promise;
        delivery.ack();
        finished++;
      });
      await started.take(3);

      const closing = (what === 'channel' ? channel : connection).close();
      let closed = false;
      void closing.then(() => (closed = true));
      const other = await (await harness.connect()).openChannel();
      while ((await other.queueDeclare(queue, { passive: true })).consumerCount > 0);
      expect([closed, finished]).toEqual([false, 0]);
      release.resolve();
      await closing;

      expect(finished).toBe(3);
      expect(started.all).toHaveLength(3);
      expect(await consumer.closed).toBeUndefined();
      expect(await channel.closed).toBeUndefined();
      const rest = await left(queue);
      expect(rest.map(({ text }) => text)).toEqual(['3', '4', '5', '6', '7', '8', '9']);
    },
  );

  it('B7 acks of the same tick are sent before the close', async () => {
    const connection = await harness.connect();
    const channel = await connection.openChannel({ confirm: true });
    const queue = await filled(channel, 3);
    for (let n = 0; n < 3; n++) (await channel.basicGet(queue))!.ack();
    await connection.close();
    expect(await left(queue)).toEqual([]);
  });

  it('B7 deliveries without a running handler are requeued, in order', async () => {
    const connection = await harness.connect();
    const channel = await connection.openChannel({ confirm: true, prefetch: 5 });
    const queue = await filled(channel, 5);
    const begun = new Inbox<Delivery>();
    const release = new Deferred<void>();
    await channel.basicConsume(
      queue,
      async (delivery) => {
        begun.add(delivery);
        await release.promise;
        delivery.ack();
      },
      { concurrency: 1 },
    );
    await begun.next();
    const closing = connection.close();
    release.resolve();
    await closing;
    expect(begun.all).toHaveLength(1);
    expect((await left(queue)).map(({ text }) => text)).toEqual(['1', '2', '3', '4']);
  });

  it('B7 waits for confirms', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel({ confirm: true });
    const queue = await filled(channel, 0);
    proxy.stall('toClient');
    const publishes = [channel.publish('', queue, '0'), channel.publish('', queue, '1')];
    const closing = connection.close();
    proxy.resume();
    expect(await Promise.all(publishes)).toEqual([1, 2]);
    await closing;
    expect(await left(queue)).toHaveLength(2);
  });

  it.each([
    [1, [expect.stringMatching(/^channel 1: closed at once, not gracefully: TimeoutError/)]],
    [0, []],
  ])('B7 a hanging handler that close({ timeout: %d }) cuts off', async (timeout, warnings) => {
    const told: string[] = [];
    const logger = { warn: (text: string): void => void told.push(text) };
    const channel = await (await harness.connect({ logger })).openChannel({ confirm: true });
    const queue = await filled(channel, 1);
    const started = new Inbox<Delivery>();
    await channel.basicConsume(queue, (delivery) => (started.add(delivery), new Promise(() => {})));
    await started.next();
    await channel.close({ timeout });
    expect(told).toEqual(warnings);
  });

  it('B7 under a deadline: the wait for a hanging handler ends, and its delivery is requeued', async () => {
    const connection = await harness.connect();
    const channel = await connection.openChannel({ confirm: true });
    const queue = await filled(channel, 1);
    const begun = new Inbox<Delivery>();
    const release = new Deferred<void>();
    await channel.basicConsume(queue, async (delivery) => {
      begun.add(delivery);
      await release.promise;
      delivery.ack();
    });
    await begun.next();
    const started = performance.now();
    await connection.close({ timeout: 50 });
    expect(performance.now() - started).toBeLessThan(2_000);
    expect(connection.state).toBe('closed');
    // Its ack is too late, and has no effect.
    release.resolve();
    expect(await left(queue)).toEqual([{ text: '0', redelivered: true }]);
  });

  it('B7 under a deadline: a broker that does not answer', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel({ confirm: true });
    proxy.stall('toServer');
    const pending = errorOf(channel.publish('', harness.name(), 'x'));
    await connection.close({ timeout: 50 });
    expect(connection.state).toBe('closed');
    expect(await pending).toMatchObject({ outcome: expect.stringMatching(/unknown|not-sent/) });
  });

  it('B7 a second close() has no effect; later calls are refused', async () => {
    const connection = await harness.connect();
    const channel = await connection.openChannel();
    const first = connection.close();
    expect(connection.close()).toBe(first);
    await first;
    await channel.close();
    expect(await errorOf(channel.publish('', 'q', 'x'))).toBeInstanceOf(ChannelClosedError);
    expect(await errorOf(channel.queueDeclare('q'))).toBeInstanceOf(ChannelClosedError);
    expect(await errorOf(connection.openChannel())).toBeInstanceOf(ConnectionClosedError);
  });
});
