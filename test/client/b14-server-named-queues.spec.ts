import { describe, expect, it } from '@jest/globals';
import { MessageReturnedError, type Delivery } from '../../lib/client/index.js';
import { errorOf, eventOf, useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';

describe('B14 server-named queues after a reconnect', () => {
  const harness = useClientHarness();

  it('B14 the first name works in every call after the queue has another name', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel({ confirm: true });
    const exchange = harness.name('x');
    await channel.exchangeDeclare(exchange, 'topic');
    const { queue } = await channel.queueDeclare('', { exclusive: true });
    expect(queue).toMatch(/^amq\.gen-/);
    await channel.queueBind(queue, exchange, 'a');
    const inbox = new Inbox<Delivery>();
    const consumer = await channel.basicConsume(queue, inbox.add, { noAck: true });

    for (let loss = 0; loss < 2; loss++) {
      const back = eventOf(connection, 'reconnected');
      proxy.cut();
      await back;
      await channel.publish(exchange, 'a', `bound ${loss}`, { mandatory: true });
      expect((await inbox.next()).text()).toBe(`bound ${loss}`);
    }
    await channel.queueBind(queue, exchange, 'b');
    await channel.publish(exchange, 'b', 'new binding', { mandatory: true });
    expect((await inbox.next()).text()).toBe('new binding');
    await consumer.cancel();

    await channel.publish(exchange, 'a', 'fetched');
    expect((await channel.basicGet(queue, { noAck: true }))!.text()).toBe('fetched');
    expect(await channel.queuePurge(queue)).toBe(0);
    expect((await channel.queueDeclare(queue, { passive: true })).queue).toBe(queue);
    await channel.queueUnbind(queue, exchange, 'a');
    await channel.queueUnbind(queue, exchange, 'b');
    await channel.queueDelete(queue);
  });

  it('B14 a consumer added later by the first name survives the next loss too', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel({ confirm: true });
    const { queue } = await channel.queueDeclare('', { exclusive: true });
    const exchange = harness.name('x');
    await channel.exchangeDeclare(exchange, 'fanout');
    await channel.queueBind(queue, exchange);
    const lose = async (): Promise<void> => {
      const back = eventOf(connection, 'reconnected');
      proxy.cut();
      await back;
    };
    await lose();
    const inbox = new Inbox<Delivery>();
    await channel.basicConsume(queue, inbox.add, { noAck: true });
    await lose();
    await channel.publish(exchange, '', 'x', { mandatory: true });
    expect((await inbox.next()).text()).toBe('x');
  });

  it('B14 calls that wait for the reconnect reach the queue under its new name', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel({ confirm: true });
    const { queue } = await channel.queueDeclare('', { exclusive: true });
    const exchange = harness.name('x');
    await channel.exchangeDeclare(exchange, 'topic');
    await channel.queueBind(queue, exchange, 'a');
    const lost = eventOf(connection, 'disconnected');
    proxy.cut();
    await lost;
    const calls = [
      channel.queueBind(queue, exchange, 'b'),
      channel.queueUnbind(queue, exchange, 'a'),
      channel.queuePurge(queue),
    ];
    expect(channel.isOpen).toBe(false);
    await Promise.all(calls);
    const left = await errorOf(channel.publish(exchange, 'a', 'unbound', { mandatory: true }));
    expect(left).toBeInstanceOf(MessageReturnedError);
    await channel.publish(exchange, 'b', 'bound', { mandatory: true });
    expect((await channel.basicGet(queue, { noAck: true }))!.text()).toBe('bound');
  });
});
