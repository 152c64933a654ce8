import { describe, expect, it } from '@jest/globals';
import type { Delivery, FieldTable } from '../../lib/client/index.js';
import { errorOf, eventOf, useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';

describe('A10 arguments to basic.consume', () => {
  const harness = useClientHarness();

  it('A10 x-stream-offset: a stream is read from an offset', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const stream = harness.name('stream');
    await channel.queueDeclare(stream, { durable: true, arguments: { 'x-queue-type': 'stream' } });
    for (let n = 0; n < 10; n++) await channel.publish('', stream, `${n}`);
    const read = async (offset: string | number): Promise<string[]> => {
      const inbox = new Inbox<Delivery>();
      const consumer = await channel.basicConsume(
        stream,
        (delivery) => {
          delivery.ack();
          inbox.add(delivery);
        },
        { prefetch: 10, arguments: { 'x-stream-offset': offset } },
      );
      const expected = offset === 'first' ? 10 : 10 - Number(offset);
      const deliveries = await inbox.take(expected);
      await consumer.cancel();
      expect(deliveries[0]!.properties.headers).toEqual({ 'x-stream-offset': offset === 'first' ? 0 : offset });
      return deliveries.map((delivery) => delivery.text());
    };
    expect(await read('first')).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    expect(await read(7)).toEqual(['7', '8', '9']);
  });

  it('A10 attack 13 options that the caller changes afterwards are restored as they were given', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    const table: FieldTable = { 'x-priority': 1 };
    const options = { arguments: table, noAck: false };
    const inbox = new Inbox<Delivery>();
    await channel.basicConsume(queue, inbox.add, options);
    table['x-priority'] = { not: () => 'encodable' } as unknown as FieldTable;
    options.noAck = true;
    const restored = eventOf(channel, 'restored');
    await channel.queueDeclare('not.there', { passive: true }).catch(() => undefined);
    await restored;
    await channel.publish('', queue, 'x');
    (await inbox.next()).ack();
    expect(channel.noAckConsumers.size).toBe(0);
  });

  it('A10 a function is asked at each registration, so that a stream continues at its position', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const stream = harness.name('stream');
    await channel.queueDeclare(stream, { arguments: { 'x-queue-type': 'stream' } });
    for (const text of ['0', '1', '2']) await channel.publish('', stream, text);
    let position = 0;
    const inbox = new Inbox<string>();
    const handle = (delivery: Delivery): void => {
      position++;
      delivery.ack();
      inbox.add(delivery.text());
    };
    await channel.basicConsume(stream, handle, { prefetch: 1, arguments: () => ({ 'x-stream-offset': position }) });
    expect(await inbox.take(3)).toEqual(['0', '1', '2']);
    const restored = eventOf(channel, 'restored');
    await channel.queueDeclare('not.there', { passive: true }).catch(() => undefined);
    await restored;
    await channel.publish('', stream, '3');
    expect(await inbox.next()).toBe('3');
  });

  it('A10 a function that fails is a typed error, and ends the consumer if it fails at a restore', async () => {
    const channel = await (await harness.connect()).openChannel();
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    let fails = true;
    const given = (): FieldTable => {
      if (fails) throw new Error('no position');
      return {};
    };
    const message = 'arguments: the function failed with Error: no position';
    const error = await errorOf(channel.basicConsume(queue, () => {}, { arguments: given }));
    expect(error).toMatchObject({ name: 'EncodingError', message });
    fails = false;
    const consumer = await channel.basicConsume(queue, () => {}, { arguments: given });
    fails = true;
    await channel.queueDeclare('not.there', { passive: true }).catch(() => undefined);
    expect(await consumer.closed).toMatchObject({ name: 'ConsumerCancelledError', cause: { message } });
  });

  it('A10 x-priority: the consumer of the higher priority is served first, also after a restore', async () => {
    const connection = await harness.connect();
    const [channel, publisher] = [await connection.openChannel(), await connection.openChannel({ confirm: true })];
    const queue = harness.name();
    await publisher.queueDeclare(queue, { exclusive: true });
    const [low, high] = [new Inbox<Delivery>(), new Inbox<Delivery>()];
    await channel.basicConsume(queue, low.add, { noAck: true });
    await channel.basicConsume(queue, high.add, { noAck: true, arguments: { 'x-priority': 10 } });
    for (let n = 0; n < 20; n++) await publisher.publish('', queue, `${n}`);
    await high.take(20);
    const restored = eventOf(channel, 'restored');
    await channel.queueDeclare('not.there', { passive: true }).catch(() => undefined);
    await restored;
    for (let n = 0; n < 20; n++) await publisher.publish('', queue, `${n}`);
    await high.take(20);
    expect(low.all).toEqual([]);
  });
});
