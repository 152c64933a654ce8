import { describe, expect, it } from '@jest/globals';
import { MessageReturnedError, PublishRefusedError } from '../../lib/client/index.js';
import { errorOf, eventOf, eventually, useClientHarness } from './support/client-harness.js';

describe('C1 returns tied to the publish promise', () => {
  const harness = useClientHarness();

  it('C1 exactly the unroutable publishes reject, many in flight, with the returned message', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const [exchange, queue] = [harness.name('x'), harness.name()];
    await channel.exchangeDeclare(exchange, 'direct');
    await channel.queueDeclare(queue, { exclusive: true });
    await channel.queueBind(queue, exchange, 'bound');
    let events = 0;
    channel.on('return', () => events++);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 300 }, (_, n) =>
        channel.publish(exchange, n % 3 === 0 ? 'unbound' : 'bound', `${n}`, { mandatory: true, type: 't' }),
      ),
    );
    outcomes.forEach((outcome, n) => {
      expect([n, outcome.status]).toEqual([n, n % 3 === 0 ? 'rejected' : 'fulfilled']);
      if (outcome.status === 'fulfilled') return;
      const error = outcome.reason as MessageReturnedError;
      expect(error).toBeInstanceOf(MessageReturnedError);
      expect(error).toMatchObject({ replyCode: 312, exchange, routingKey: 'unbound' });
      expect(error.returned.body.toString()).toBe(`${n}`);
      // The client adds no private header.
      expect(error.returned.properties).toEqual({ type: 't' });
    });
    expect(events).toBe(0);
  });

  it('C1 a return without a waiting promise is an event', async () => {
    const channel = await (await harness.connect()).openChannel();
    const returned = eventOf<[{ replyCode: number; body: Buffer }]>(channel, 'return');
    await channel.publish('', harness.name(), 'x', { mandatory: true });
    const [message] = await returned;
    expect(message).toMatchObject({ replyCode: 312, replyText: 'NO_ROUTE', exchange: '' });
    expect(message.body.toString()).toBe('x');
  });
});

describe('C2 a bound on unconfirmed publishes', () => {
  const harness = useClientHarness();

  it('C2 publishes beyond the bound wait in order, and are sent as confirms arrive', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel({ confirm: true, maxUnconfirmed: 4, maxWaiting: 5 });
    const queue = harness.name();
    await channel.queueDeclare(queue);
    const observer = await (await harness.connect()).openChannel();
    const count = async (): Promise<number> => (await observer.queueDeclare(queue, { passive: true })).messageCount;

    proxy.stall('toClient');
    const publishes = Array.from({ length: 9 }, (_, n) => channel.publish('', queue, `${n}`));
    const tenth = await errorOf(channel.publish('', queue, 'too many'));
    expect(tenth).toBeInstanceOf(PublishRefusedError);
    expect(tenth.message).toMatch(/5 publishes wait already/);
    await eventually(async () => (await count()) === 4);
    // All publishes sent before a heartbeat arrive before it; a fifth one is not among them.
    connection.sendHeartbeat();
    expect(await count()).toBe(4);

    proxy.resume();
    expect(await Promise.all(publishes)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    for (let n = 0; n < 9; n++) expect((await observer.basicGet(queue, { noAck: true }))!.text()).toBe(`${n}`);
  });

  it('C2 a publish that timed out still counts, until the broker has confirmed it', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel({ confirm: true, maxUnconfirmed: 1 });
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    proxy.stall('toClient');
    expect(await errorOf(channel.publish('', queue, '1', { timeout: 20 }))).toMatchObject({ outcome: 'unknown' });
    expect(await errorOf(channel.publish('', queue, '2', { timeout: 20 }))).toMatchObject({ outcome: 'not-sent' });
    proxy.resume();
    await channel.publish('', queue, '3');
    expect((await channel.queueDeclare(queue, { passive: true })).messageCount).toBe(2);
  });
});
