import { describe, expect, it } from '@jest/globals';
import type { Delivery, FieldTable } from '../../lib/client/index.js';
import { PublishNackedError } from '../../lib/client/index.js';
import { errorOf, useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';

describe('B13 priorities, TTL, stream and quorum arguments', () => {
  const harness = useClientHarness();

  async function queueWith(args: FieldTable, confirm = true) {
    const connection = await harness.connect();
    const channel = await connection.openChannel({ confirm, prefetch: 100 });
    const queue = harness.name();
    await channel.queueDeclare(queue, { arguments: args });
    return { channel, queue, connection };
  }

  it('B13 x-max-priority: messages of higher priority come first', async () => {
    const { channel, queue } = await queueWith({ 'x-max-priority': 5 });
    for (const priority of [1, 5, 3]) await channel.publish('', queue, `${priority}`, { priority });
    const got = [];
    for (let n = 0; n < 3; n++) got.push((await channel.basicGet(queue, { noAck: true }))!);
    expect(got.map(({ properties, body }) => [properties.priority, body.toString()])).toEqual([[5, '5'], [3, '3'], [1, '1']]); // prettier-ignore
  });

  it('B13 x-priority: the consumer of higher priority receives all messages while it has room', async () => {
    const { channel, queue } = await queueWith({});
    const [low, high] = [new Inbox<Delivery>(), new Inbox<Delivery>()];
    await channel.basicConsume(queue, low.add, { arguments: { 'x-priority': 1 }, noAck: true });
    await channel.basicConsume(queue, high.add, { arguments: { 'x-priority': 10 }, noAck: true });
    for (let n = 0; n < 5; n++) await channel.publish('', queue, `${n}`);
    await high.take(5);
    expect(low.all).toEqual([]);
  });

  it('B13 TTL of the queue and of the message: expired messages are dead-lettered', async () => {
    const { channel, queue: dead } = await queueWith({});
    const inbox = new Inbox<Delivery>();
    await channel.basicConsume(dead, inbox.add, { noAck: true });
    const to = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead };
    const [byQueue, byMessage] = [harness.name(), harness.name()];
    await channel.queueDeclare(byQueue, { arguments: { ...to, 'x-message-ttl': 1 } });
    await channel.queueDeclare(byMessage, { arguments: to });
    await channel.publish('', byQueue, 'queue');
    await channel.publish('', byMessage, 'message', { expiration: '1' });
    const expired = await inbox.take(2);
    expect(expired.map((delivery) => delivery.text()).sort()).toEqual(['message', 'queue']);
    for (const { properties } of expired) {
      expect(properties.headers!['x-first-death-reason']).toBe('expired');
      expect(properties.expiration).toBeUndefined();
    }
  });

  it('B13 a full queue that rejects: the publish is nacked', async () => {
    const { channel, queue } = await queueWith({ 'x-max-length': 1, 'x-overflow': 'reject-publish' });
    await channel.publish('', queue, 'fits');
    expect(await errorOf(channel.publish('', queue, 'does not'))).toBeInstanceOf(PublishNackedError);
  });

  it('B13 quorum: deliveries are counted, and the limit dead-letters', async () => {
    const { channel, queue: dead } = await queueWith({});
    const queue = harness.name();
    const args = { 'x-queue-type': 'quorum', 'x-delivery-limit': 1, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead }; // prettier-ignore
    await channel.queueDeclare(queue, { arguments: args });
    await channel.publish('', queue, 'poison', { deliveryMode: 2 });
    const counts = new Inbox<unknown>();
    await channel.basicConsume(queue, (delivery) => {
      counts.add(delivery.properties.headers?.['x-delivery-count'] ?? 0);
      delivery.nack();
    });
    expect(await counts.take(2)).toEqual([0, 1]);
    const inbox = new Inbox<Delivery>();
    await channel.basicConsume(dead, inbox.add, { noAck: true });
    expect((await inbox.next()).properties.headers!['x-first-death-reason']).toBe('delivery_limit');
  });

  it.each<[string, FieldTable, string[]]>([
    ['first', { 'x-stream-offset': 'first' }, ['0', '1', '2', '3', '4']],
    ['an offset', { 'x-stream-offset': 3 }, ['3', '4']],
    ['a time', { 'x-stream-offset': new Date(Date.now() - 3_600_000) }, ['0', '1', '2', '3', '4']],
    ['next', { 'x-stream-offset': 'next' }, []],
  ])('B13 stream: read from %s', async (_, args, expected) => {
    const { channel, queue } = await queueWith({ 'x-queue-type': 'stream', 'x-max-length-bytes': 1_000_000 });
    for (let n = 0; n < 5; n++) await channel.publish('', queue, `${n}`);
    const inbox = new Inbox<Delivery>();
    await channel.basicConsume(
      queue,
      (delivery) => {
        inbox.add(delivery);
        delivery.ack();
      },
      { arguments: args },
    );
    await channel.publish('', queue, 'last');
    const got = await inbox.take(expected.length + 1);
    // A timestamp offset selects a whole chunk: deliveries may begin earlier, never later.
    expect(got.map((delivery) => delivery.text()).slice(-expected.length - 1)).toEqual([...expected, 'last']);
    expect(typeof got[0]!.properties.headers!['x-stream-offset']).toBe('number');
  });
});
