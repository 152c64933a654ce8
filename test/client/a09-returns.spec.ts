import { describe, expect, it } from '@jest/globals';
import { MessageReturnedError, type Channel, type Delivery, type ReturnedMessage } from '../../lib/client/index.js';
import { errorOf, eventOf, useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';

const COUNT = 10_000;

describe('A9 returns', () => {
  const harness = useClientHarness();

  it('A9 a mandatory publish that reaches no queue rejects with code, text and the message', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const events = new Inbox<unknown>();
    channel.on('return', events.add);
    const error = await errorOf<MessageReturnedError>(
      channel.publish('amq.direct', 'nobody', 'hello', { mandatory: true, type: 'greeting', headers: { n: 1 } }),
    );
    expect(error).toBeInstanceOf(MessageReturnedError);
    expect(error).toMatchObject({
      replyCode: 312,
      replyText: 'NO_ROUTE',
      exchange: 'amq.direct',
      routingKey: 'nobody',
    });
    expect(error.message).toContain("exchange 'amq.direct' has no queue bound for routing key 'nobody'");
    expect(error.returned.body.toString()).toBe('hello');
    expect(error.returned.properties).toEqual({ type: 'greeting', headers: { n: 1 } });
    expect(events.all).toEqual([]);
    await channel.waitForConfirms();
    await channel.publish('amq.direct', 'nobody', 'not mandatory: dropped, and confirmed');
  });

  it('A9 without a queue behind the default exchange the error names the queue, not the empty exchange', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const error = await errorOf<MessageReturnedError>(channel.publish('', 'nobody', 'hello', { mandatory: true }));
    expect(error.message).toBe("312 NO_ROUTE: there is no queue 'nobody'");
  });

  it('A9 without confirms a return is an event', async () => {
    const channel = await (await harness.connect()).openChannel();
    const returned = eventOf<[ReturnedMessage]>(channel, 'return');
    expect(await channel.publish('amq.direct', 'nobody', 'hello', { mandatory: true })).toBe(0);
    const [message] = await returned;
    expect(message).toMatchObject({ replyCode: 312, exchange: 'amq.direct', routingKey: 'nobody' });
    expect(message.body.toString()).toBe('hello');
  });

  it('A9 the client adds nothing on the wire: the consumer receives the given properties', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    await channel.publish('', queue, 'bare', { mandatory: true });
    await channel.publish('', queue, 'rich', { mandatory: true, messageId: 'id', headers: { own: true } });
    expect((await channel.basicGet(queue, { noAck: true }))!.properties).toEqual({});
    const rich = (await channel.basicGet(queue, { noAck: true }))!;
    expect(rich.properties).toEqual({ messageId: 'id', headers: { own: true } });
  });

  /** Publishes COUNT messages at once while the binding is added and removed; resolves with the outcome of each. */
  async function publishWhileBindingFlaps(
    propertiesOf: (n: number) => object,
    bodyOf: (n: number) => string,
  ): Promise<{
    outcomes: PromiseSettledResult<number>[];
    multiples: number;
    strays: number;
    channel: Channel;
    queue: string;
  }> {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel({ confirm: true, maxUnconfirmed: COUNT + 1 });
    const admin = await (await harness.connect()).openChannel();
    const [queue, exchange, end] = [harness.name(), harness.name('x'), harness.name('end')];
    await channel.exchangeDeclare(exchange, 'direct', { durable: false });
    await channel.queueDeclare(queue, { durable: false });
    await admin.queueDeclare(end, { exclusive: true });
    const ended = new Inbox<Delivery>();
    await admin.basicConsume(end, ended.add, { noAck: true });
    let multiples = 0;
    let strays = 0;
    channel.on('ack', (_tag, multiple) => (multiples += multiple ? 1 : 0));
    channel.on('return', () => strays++);
    // All publishes are in flight before the first return or confirm is read.
    proxy.stall('toClient');
    let done = false;
    const flapping = (async () => {
      while (!done) {
        await admin.queueBind(queue, exchange, 'k');
        await admin.queueUnbind(queue, exchange, 'k');
      }
    })();
    const all = Promise.allSettled(
      Array.from({ length: COUNT }, (_, n) =>
        channel.publish(exchange, 'k', bodyOf(n), { mandatory: true, ...propertiesOf(n) }),
      ),
    );
    const last = channel.publish('', end, 'the broker has all before it');
    await ended.next();
    proxy.resume();
    const outcomes = await all;
    await last;
    done = true;
    await flapping;
    return { outcomes, multiples, strays, channel, queue };
  }

  async function drain(channel: Channel, queue: string): Promise<Delivery[]> {
    const inbox = new Inbox<Delivery>();
    const { messageCount } = await channel.queueDeclare(queue, { passive: true });
    const consumer = await channel.basicConsume(queue, inbox.add, { noAck: true });
    const deliveries = await inbox.take(messageCount);
    await consumer.cancel();
    return deliveries;
  }

  it('A9 10,000 in flight, distinct ids: exactly the unroutable ones reject', async () => {
    // All bodies are equal: only the id distinguishes the messages.
    const { outcomes, multiples, strays, channel, queue } = await publishWhileBindingFlaps(
      (n) => ({ messageId: `${n}` }),
      () => 'same',
    );
    const arrived = (await drain(channel, queue)).map(({ properties }) => Number(properties.messageId));
    const resolved = outcomes.flatMap(({ status }, n) => (status === 'fulfilled' ? [n] : []));
    expect(arrived).toEqual(resolved);
    for (const [n, outcome] of outcomes.entries()) {
      if (outcome.status === 'fulfilled') continue;
      expect(outcome.reason).toBeInstanceOf(MessageReturnedError);
      expect((outcome.reason as MessageReturnedError).returned.properties.messageId).toBe(`${n}`);
    }
    // The test is valid only if both outcomes occurred, and confirms covered several messages.
    expect(resolved.length).toBeGreaterThan(0);
    expect(resolved.length).toBeLessThan(COUNT);
    expect(multiples).toBeGreaterThan(0);
    expect(strays).toBe(0);
  }, 30_000);

  it('A9 10,000 in flight, identical: exactly as many reject as were returned', async () => {
    const { outcomes, strays, channel, queue } = await publishWhileBindingFlaps(
      () => ({}),
      () => 'same',
    );
    const resolved = outcomes.filter(({ status }) => status === 'fulfilled').length;
    expect(await drain(channel, queue)).toHaveLength(resolved);
    expect(resolved).toBeGreaterThan(0);
    expect(resolved).toBeLessThan(COUNT);
    expect(strays).toBe(0);
  }, 30_000);

  it('A9 10,000 in flight, no ids, ten kinds: exactly as many of each kind reject as were returned', async () => {
    const kind = (n: number): string => `kind ${n % 10}`;
    const { outcomes, channel, queue } = await publishWhileBindingFlaps(
      (n) => (n % 2 ? { type: kind(n) } : { headers: { kind: kind(n) }, timestamp: new Date(1_600_000_000_123) }),
      kind,
    );
    const count = (kinds: string[]): Record<string, number> => {
      const counts: Record<string, number> = {};
      for (const name of kinds.sort()) counts[name] = (counts[name] ?? 0) + 1;
      return counts;
    };
    const resolved = outcomes.flatMap(({ status }, n) => (status === 'fulfilled' ? [kind(n)] : []));
    expect(count((await drain(channel, queue)).map((delivery) => delivery.text()))).toEqual(count(resolved));
  }, 30_000);
});
