import { describe, expect, it } from '@jest/globals';
import { ConsumerCancelledError, NotFoundError, type Channel } from '../../lib/client/index.js';
import { errorOf, eventOf, eventually, useClientHarness } from './support/client-harness.js';

describe('B11 async iterators', () => {
  const harness = useClientHarness();

  async function filled(channel: Channel, count: number, options = {}): Promise<string> {
    const queue = harness.name();
    await channel.queueDeclare(queue, options);
    for (let n = 0; n < count; n++) await channel.publish('', queue, `${n}`);
    return queue;
  }

  const counts = (channel: Channel, queue: string): Promise<{ messageCount: number; consumerCount: number }> =>
    channel.queueDeclare(queue, { passive: true });

  it('B11 one delivery at a time, in order; break cancels and requeues the rest', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const queue = await filled(channel, 10);
    const seen: string[] = [];
    for await (const delivery of channel.consume(queue)) {
      seen.push(delivery.text());
      delivery.ack();
      if (seen.length === 4) break;
    }
    expect(seen).toEqual(['0', '1', '2', '3']);
    expect((await counts(channel, queue)).consumerCount).toBe(0);
    await eventually(async () => (await counts(channel, queue)).messageCount === 6);
  });

  it('B11 the rest is requeued once: a quorum queue counts one more delivery, not two', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const queue = await filled(channel, 10, { arguments: { 'x-queue-type': 'quorum' } });
    for await (const delivery of channel.consume(queue)) {
      delivery.ack();
      break;
    }
    const counted: unknown[] = [];
    await eventually(async () => (await counts(channel, queue)).messageCount === 9);
    for (let n = 0; n < 9; n++) {
      counted.push((await channel.basicGet(queue, { noAck: true }))!.properties.headers?.['x-delivery-count']);
    }
    expect(counted).toEqual(new Array(9).fill(1));
  });

  it('B11 the loop holds no more than its prefetch', async () => {
    const connection = await harness.connect();
    const [channel, other] = [await connection.openChannel({ confirm: true }), await connection.openChannel()];
    const queue = await filled(channel, 10);
    for await (const delivery of channel.consume(queue, { prefetch: 3 })) {
      expect((await counts(other, queue)).messageCount).toBe(7);
      delivery.ack();
      break;
    }
  });

  it('B11 an error of the body ends the loop, cancels, and is the loop’s error', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const queue = await filled(channel, 2);
    const loop = async (): Promise<void> => {
      for await (const delivery of channel.consume(queue)) throw new Error(`body ${delivery.text()}`);
    };
    expect((await errorOf(loop())).message).toBe('body 0');
    expect((await counts(channel, queue)).consumerCount).toBe(0);
  });

  it('B11 continues after a reconnect', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel({ confirm: true });
    const queue = await filled(channel, 4);
    const seen: string[] = [];
    for await (const delivery of channel.consume(queue, { prefetch: 1 })) {
      seen.push(delivery.text());
      if (seen.length === 2) {
        const back = eventOf(connection, 'reconnected');
        proxy.cut();
        await back;
      }
      delivery.ack();
      if (delivery.text() === '3') break;
    }
    // The ack of '1' had no effect: its channel was lost, and the broker delivers the message again.
    expect(seen).toEqual(['0', '1', '1', '2', '3']);
  });

  it('B11 throws when its queue does not exist, or is deleted for good', async () => {
    const connection = await harness.connect();
    const channel = await connection.openChannel({ confirm: true });
    const missing = channel.consume(harness.name());
    expect(await errorOf(missing.next())).toBeInstanceOf(NotFoundError);
    expect(await missing.next()).toEqual({ done: true, value: undefined });

    const owner = await (await harness.connect()).openChannel({ confirm: true });
    const queue = await filled(owner, 1);
    const iterator = channel.consume(queue);
    (await iterator.next()).value!.ack();
    const next = errorOf(iterator.next());
    await owner.queueDelete(queue);
    expect(await next).toBeInstanceOf(ConsumerCancelledError);
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  it('B11 ends, without an error, with its channel', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const queue = await filled(channel, 1);
    const iterator = channel.consume(queue);
    (await iterator.next()).value!.ack();
    const next = iterator.next();
    await channel.close();
    expect(await next).toEqual({ done: true, value: undefined });
  });

  it('B11 return() before the first next() consumes nothing', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const queue = await filled(channel, 1);
    const iterator = channel.consume(queue);
    await iterator.return!();
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    expect(await counts(channel, queue)).toMatchObject({ messageCount: 1, consumerCount: 0 });
  });
});
