import { describe, expect, it } from '@jest/globals';
import {
  AccessRefusedError,
  ConsumerCancelledError,
  ResourceLockedError,
  type Channel,
  type Consumer,
  type Delivery,
} from '../../lib/client/index.js';
import { eventOf, eventually, useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';

describe('K1.4 a consumer that is locked out waits by itself', () => {
  const harness = useClientHarness();

  /** Consumes `queue`, loses its connection, and reconnects only after `rival` has run. */
  async function comeBackLate(
    queue: string,
    consume: (channel: Channel, inbox: Inbox<Delivery>) => Promise<Consumer>,
    rival: () => Promise<unknown>,
  ): Promise<{ channel: Channel; consumer: Consumer; inbox: Inbox<Delivery>; waiting: Inbox<[Consumer, Error]> }> {
    const { connection, proxy } = await harness.connectThroughProxy();
    const [channel, inbox] = [await connection.openChannel({ confirm: true }), new Inbox<Delivery>()];
    const consumer = await consume(channel, inbox);
    const waiting = new Inbox<[Consumer, Error]>();
    channel.on('consumerWaiting', (...told) => waiting.add(told));
    const back = eventOf(connection, 'reconnected');
    proxy.refuse();
    proxy.cut();
    await eventually(() =>
      rival().then(
        () => true,
        () => false,
      ),
    );
    await proxy.accept();
    await back;
    return { channel, consumer, inbox, waiting };
  }

  it('K1.4 another connection has its exclusive queue: the channel is open, publishes and consumes the rest', async () => {
    const [queue, other] = [harness.name(), harness.name()];
    const rival = await (await harness.connect()).openChannel();
    const rest = new Inbox<Delivery>();
    const { channel, consumer, inbox, waiting } = await comeBackLate(
      queue,
      async (own, locked) => {
        await own.queueDeclare(queue, { exclusive: true });
        await own.queueDeclare(other, { exclusive: true });
        const consumer = await own.basicConsume(queue, locked.add, { noAck: true });
        await own.basicConsume(other, rest.add, { noAck: true });
        return consumer;
      },
      () => rival.queueDeclare(queue, { exclusive: true }),
    );
    expect(channel.isOpen).toBe(true);
    expect(await waiting.next()).toEqual([consumer, expect.any(ResourceLockedError)]);
    await channel.publish('', other, 'not held up', { mandatory: true });
    expect((await rest.next()).text()).toBe('not held up');
    expect([consumer.active, consumer.ended]).toEqual([false, false]);
    const restored = eventOf(channel, 'consumerRestored');
    await rival.queueDelete(queue);
    expect(await restored).toEqual([consumer]);
    await channel.publish('', queue, 'its own again', { mandatory: true });
    expect((await inbox.next()).text()).toBe('its own again');
    expect([waiting.all.length, channel.isOpen]).toEqual([1, true]);
  });

  it('K1.4 another connection consumes from the queue that it consumes exclusively', async () => {
    const queue = harness.name();
    const rival = await (await harness.connect()).openChannel();
    await rival.queueDeclare(queue);
    let taken: Consumer | undefined;
    const { channel, consumer, waiting } = await comeBackLate(
      queue,
      (own, inbox) => own.basicConsume(queue, inbox.add, { exclusive: true }),
      async () => (taken ??= await rival.basicConsume(queue, () => {})),
    );
    expect(channel.isOpen).toBe(true);
    expect(await waiting.next()).toEqual([consumer, expect.any(AccessRefusedError)]);
    const restored = eventOf(channel, 'consumerRestored');
    await taken!.cancel();
    await restored;
    expect(consumer.active).toBe(true);
  });

  it('K1.4 ends by cancel(), with its channel, and with its queue', async () => {
    const rival = await (await harness.connect()).openChannel();
    const ends: ((channel: Channel, consumer: Consumer, queue: string) => Promise<unknown>)[] = [
      (_, consumer) => consumer.cancel(),
      (channel) => channel.close(),
      async (channel, consumer, queue) => {
        // The broker still has the queue locked; the record no longer has it.
        await rival.queueDelete(queue);
        await channel.queueDelete(queue);
        expect(await consumer.closed).toBeInstanceOf(ConsumerCancelledError);
      },
    ];
    for (const end of ends) {
      const queue = harness.name();
      const { channel, consumer } = await comeBackLate(
        queue,
        async (own, inbox) => {
          await own.queueDeclare(queue, { exclusive: true });
          return own.basicConsume(queue, inbox.add);
        },
        () => rival.queueDeclare(queue, { exclusive: true }),
      );
      await end(channel, consumer, queue);
      await consumer.closed;
      expect(consumer.ended).toBe(true);
    }
  });
});
