import { describe, expect, it } from '@jest/globals';
import { ConsumerCancelledError, NotFoundError, type Delivery } from '../../lib/client/index.js';
import { errorOf, eventOf, eventually, useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';

describe('A6 consumer cancel notification', () => {
  const harness = useClientHarness();

  it('A6 with onCancel: it is called once, and nothing is restored', async () => {
    const connection = await harness.connect();
    const admin = await connection.openChannel();
    const channel = await connection.openChannel();
    const queue = harness.name();
    await channel.queueDeclare(queue, { durable: false });
    const reasons = new Inbox<string>();
    const events = new Inbox<unknown>();
    channel.on('consumerCancelled', events.add);
    channel.on('lost', events.add);
    const consumer = await channel.basicConsume(queue, () => undefined, { onCancel: reasons.add });
    await admin.queueDelete(queue);
    expect(await reasons.next()).toContain(queue);
    expect(consumer.ended).toBe(true);
    expect(await consumer.closed).toBeInstanceOf(ConsumerCancelledError);
    // Neither the queue nor the consumer was restored.
    expect(await errorOf(admin.queueDeclare(queue, { passive: true }))).toBeInstanceOf(NotFoundError);
    expect(reasons.all).toHaveLength(1);
    expect(events.all).toEqual([]);
    await channel.basicQos(1); // alive
  });

  it('A6 without onCancel: queue, bindings and consumer are restored if the queue was declared on this connection', async () => {
    const connection = await harness.connect();
    const channel = await connection.openChannel();
    const admin = await (await harness.connect()).openChannel({ confirm: true });
    const [queue, exchange] = [harness.name(), harness.name('x')];
    await channel.exchangeDeclare(exchange, 'topic', { durable: false });
    await channel.queueDeclare(queue, { durable: false, arguments: { 'x-max-length': 10 } });
    await channel.queueBind(queue, exchange, 'a.*');
    const inbox = new Inbox<Delivery>();
    const consumer = await channel.basicConsume(queue, inbox.add, { noAck: true, consumerTag: 'mine' });
    await admin.queueDelete(queue);
    await eventually(() => consumer.active && consumer.consumerTag === 'mine');
    // The publish is mandatory: it is returned if the queue or its binding is missing.
    await eventually(async () =>
      admin.publish(exchange, 'a.b', 'after', { mandatory: true }).then(
        () => true,
        () => false,
      ),
    );
    expect((await inbox.next()).text()).toBe('after');
    expect(consumer.ended).toBe(false);
  });

  it('A6 without onCancel, and a queue that cannot be restored: closed, iterator and event report ConsumerCancelledError', async () => {
    const channel = await (await harness.connect()).openChannel();
    const admin = await (await harness.connect()).openChannel();
    const queue = harness.name();
    await admin.queueDeclare(queue, { durable: false });
    const consumer = await channel.basicConsume(queue, () => undefined);
    const loop = errorOf(
      (async () => {
        for await (const delivery of channel.consume(queue)) delivery.ack();
      })(),
    );
    await eventually(async () => (await admin.queueDeclare(queue, { passive: true })).consumerCount === 2);
    const event = eventOf(channel, 'consumerCancelled');
    await admin.queueDelete(queue);
    const error = await consumer.closed;
    expect(error).toBeInstanceOf(ConsumerCancelledError);
    expect(error).toMatchObject({ queue, cause: expect.any(NotFoundError) });
    expect(await loop).toBeInstanceOf(ConsumerCancelledError);
    expect((await event)[0]).toBeInstanceOf(ConsumerCancelledError);
    expect(channel.isOpen).toBe(true);
  });

  it('A6 a queue deleted and declared again by another connection is consumed again', async () => {
    const channel = await (await harness.connect()).openChannel();
    const admin = await (await harness.connect()).openChannel({ confirm: true });
    const queue = harness.name();
    await channel.queueDeclare(queue, { durable: false });
    const inbox = new Inbox<Delivery>();
    await channel.basicConsume(queue, inbox.add, { noAck: true });
    for (let round = 0; round < 5; round++) {
      await admin.queueDelete(queue);
      await admin.queueDeclare(queue, { durable: false });
      await admin.publish('', queue, `${round}`);
      // The message may have been in the queue that is deleted next, so each round waits for its own.
      expect((await inbox.next()).text()).toBe(`${round}`);
    }
  });

  it('A6 cancel() does not count as a notification', async () => {
    const connection = await harness.connect();
    const channel = await connection.openChannel();
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    const cancelled = new Inbox<string>();
    const consumer = await channel.basicConsume(queue, () => undefined, { onCancel: cancelled.add });
    await consumer.cancel();
    expect(await consumer.closed).toBeUndefined();
    expect((await channel.queueDeclare(queue, { passive: true })).consumerCount).toBe(0);
    expect(cancelled.all).toEqual([]);
  });
});
