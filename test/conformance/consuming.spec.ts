import { describe, expect, it } from '@jest/globals';
import { typed, type Channel, type Delivery } from '../../lib/client/index.js';
import { eventually, useLab, type Lab } from './support/lab.js';
import { Inbox } from '../support/inbox.js';

const texts = (deliveries: Delivery[]): string[] => deliveries.map((delivery) => delivery.text());

describe('consuming', () => {
  const lab = useLab();

  async function fill(channel: Channel, queue: string, count: number): Promise<void> {
    for (let number = 1; number <= count; number++) await channel.publish('', queue, `${number}`);
  }

  it.each<[string, (lab: Lab, channel: Channel) => Promise<unknown>, string]>([
    [
      'an exclusive consumer beside another consumer',
      async (lab, channel) => {
        const queue = await lab.queue(channel);
        await channel.basicConsume(queue, () => 0);
        await channel.basicConsume(queue, () => 0, { exclusive: true });
      },
      "channel 403 by basic.consume: ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use",
    ],
    [
      'a consumer beside an exclusive one',
      async (lab, channel) => {
        const queue = await lab.queue(channel);
        await channel.basicConsume(queue, () => 0, { exclusive: true });
        await channel.basicConsume(queue, () => 0);
      },
      "channel 403 by basic.consume: ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use",
    ],
    [
      'an exclusive consumer on a queue with a single active one',
      async (lab, channel) => {
        const queue = await lab.queue(channel, { arguments: { 'x-single-active-consumer': true } });
        await channel.basicConsume(queue, () => 0, { exclusive: true });
      },
      "channel 403 by basic.consume: ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use",
    ],
    [
      'an x-priority that is not a number',
      async (lab, channel) =>
        channel.basicConsume(await lab.queue(channel), () => 0, { arguments: { 'x-priority': 'high' } }),
      `channel 406 by basic.consume: PRECONDITION_FAILED - invalid arg 'x-priority' for queue 'q' in vhost '/': "expected integer, got longstr"`,
    ],
    ...(
      [
        ['void', null],
        ['double', typed('double', 5)],
        ['bool', true],
      ] as const
    ).map(([type, priority]): [string, (lab: Lab, channel: Channel) => Promise<unknown>, string] => [
      `an x-priority that is ${type}`,
      async (lab, channel) =>
        channel.basicConsume(await lab.queue(channel), () => 0, { arguments: { 'x-priority': priority } }),
      `channel 406 by basic.consume: PRECONDITION_FAILED - invalid arg 'x-priority' for queue 'q' in vhost '/': "expected integer, got ${type}"`,
    ]),
    [
      'an x-stream-offset on a classic queue',
      async (lab, channel) =>
        channel.basicConsume(await lab.queue(channel), () => 0, { arguments: { 'x-stream-offset': 'first' } }),
      "channel 406 by basic.consume: PRECONDITION_FAILED - invalid arg 'x-stream-offset' for queue 'q' in vhost '/' of queue type rabbit_classic_queue",
    ],
  ])('refuses %s', async (_, act, expected) => {
    expect(await lab.refusal(act(lab, await lab.channel()))).toBe(expected);
  });

  it('the broker names a consumer that has no tag', async () => {
    const channel = await lab.channel();
    const consumer = await channel.basicConsume(await lab.queue(channel), () => 0);
    expect(consumer.consumerTag).toMatch(/^amq\.ctag-[\w-]{22}$/);
  });

  it('consumer tags belong to a channel: two channels may use the same tag', async () => {
    const connection = await lab.connect();
    const [one, two] = [await connection.openChannel(), await connection.openChannel()];
    const queue = await lab.queue(one);
    for (const channel of [one, two]) await channel.basicConsume(queue, () => 0, { consumerTag: 'same' });
    expect((await one.queueDeclare(queue, { passive: true })).consumerCount).toBe(2);
  });

  it('basic.cancel of an unknown tag is answered', async () => {
    const client = await lab.raw();
    client.send(1, 'basic.cancel', { consumerTag: 'nobody' });
    expect((await client.expect('basic.cancelOk')).args.consumerTag).toBe('nobody');
  });

  it('delivery tags count from 1 in each channel, across basic.get and consumers', async () => {
    const channel = await lab.channel({ confirm: true });
    const queue = await lab.queue(channel);
    await fill(channel, queue, 3);
    const first = await channel.basicGet(queue);
    const inbox = await lab.consume(channel, queue);
    const rest = await inbox.take(2);
    expect([first!, ...rest].map(({ deliveryTag }) => deliveryTag)).toEqual([1, 2, 3]);
  });

  it('consume-ok comes before the first delivery, and cancel-ok after the last', async () => {
    const client = await lab.raw();
    const queue = lab.name();
    client.send(1, 'queue.declare', { queue });
    await client.expect('queue.declareOk');
    client.send(1, 'confirm.select');
    await client.expect('confirm.selectOk');
    client.publish(1, { routingKey: queue }, {}, 'one');
    await client.expect('basic.ack');
    client.send(1, 'basic.consume', { queue, consumerTag: 't' });
    expect((await client.expect('basic.consumeOk')).args.consumerTag).toBe('t');
    expect((await client.expect('basic.deliver')).args).toEqual({
      consumerTag: 't',
      deliveryTag: 1,
      redelivered: false,
      exchange: '',
      routingKey: queue,
    });
    client.send(1, 'basic.cancel', { consumerTag: 't' });
    await client.expect('basic.cancelOk');
    client.publish(1, { routingKey: queue }, {}, 'two');
    await client.expect('basic.ack');
    client.send(1, 'basic.get', { queue });
    expect((await client.expect('basic.getOk')).args).toMatchObject({ deliveryTag: 2, messageCount: 0 });
  });

  it('deliveries of a cancelled consumer can still be acknowledged', async () => {
    const [publisher, channel] = await lab.channels();
    const queue = await lab.queue(publisher);
    await fill(publisher, queue, 1);
    const inbox = new Inbox<Delivery>();
    const consumer = await channel.basicConsume(queue, inbox.add);
    const delivery = await inbox.next();
    await consumer.cancel();
    delivery.ack();
    await channel.close();
    expect(await publisher.basicGet(queue)).toBeUndefined();
  });

  describe('prefetch', () => {
    it('limits the unacknowledged deliveries of each consumer', async () => {
      const [publisher, channel] = await lab.channels();
      const queue = await lab.queue(publisher);
      await fill(publisher, queue, 10);
      await channel.basicQos(2);
      const [one, two] = [await lab.consume(channel, queue), await lab.consume(channel, queue)];
      for (const inbox of [one, two]) await inbox.take(2);
      expect(await lab.count(publisher, queue)).toBe(6);
      one.all[0]!.ack();
      await one.take(1);
      expect(await lab.count(publisher, queue)).toBe(5);
      expect([one.all.length, two.all.length]).toEqual([3, 2]);
    });

    it('applies to later consumers, not to existing ones', async () => {
      const [publisher, channel] = await lab.channels();
      const queue = await lab.queue(publisher);
      await channel.basicQos(1);
      const inbox = await lab.consume(channel, queue);
      await channel.basicQos(0);
      await fill(publisher, queue, 3);
      await inbox.take(1);
      expect(await lab.count(publisher, queue)).toBe(2);
    });

    it('0 means no limit', async () => {
      const [publisher, channel] = await lab.channels();
      const queue = await lab.queue(publisher);
      await fill(publisher, queue, 50);
      await channel.basicQos(1);
      await channel.basicQos(0);
      await (await lab.consume(channel, queue)).take(50);
    });

    it('does not limit consumers without acknowledgements', async () => {
      const [publisher, channel] = await lab.channels();
      const queue = await lab.queue(publisher);
      await fill(publisher, queue, 5);
      await channel.basicQos(1);
      await (await lab.consume(channel, queue, { noAck: true })).take(5);
    });

    it('global: limits the channel as a whole', async () => {
      const [publisher, channel] = await lab.channels();
      const queue = await lab.queue(publisher);
      await fill(publisher, queue, 10);
      await channel.basicQos(3, { global: true });
      const [one, two] = [await lab.consume(channel, queue), await lab.consume(channel, queue)];
      const all = (): Delivery[] => [...one.all, ...two.all];
      await eventually(() => all().length === 3);
      expect(await lab.count(publisher, queue)).toBe(7);
      all()[0]!.ack();
      await eventually(() => all().length === 4);
      expect(await lab.count(publisher, queue)).toBe(6);
    });

    it('global: consumers without acknowledgements wait for room, and use none', async () => {
      const publisher = await lab.channel({ confirm: true });
      const queue = await lab.queue(publisher);
      const client = await lab.raw();
      client.send(1, 'basic.qos', { prefetchCount: 1, global: true });
      await client.expect('basic.qosOk');
      client.send(1, 'basic.consume', { queue, consumerTag: 'acks' });
      await client.expect('basic.consumeOk');
      await fill(publisher, queue, 1);
      const { deliveryTag } = (await client.expect('basic.deliver')).args;
      client.send(1, 'basic.consume', { queue, consumerTag: 'no-ack', noAck: true });
      await client.expect('basic.consumeOk');
      await fill(publisher, queue, 4);
      expect(await lab.count(publisher, queue)).toBe(4);
      client.send(1, 'basic.cancel', { consumerTag: 'acks' });
      await client.expect('basic.cancelOk');
      client.send(1, 'basic.ack', { deliveryTag });
      for (let count = 0; count < 4; count++) {
        expect((await client.expect('basic.deliver')).args.consumerTag).toBe('no-ack');
      }
    });

    it('global: two consumers of a queue take turns, even with room for one message', async () => {
      const publisher = await lab.channel({ confirm: true });
      const queue = await lab.queue(publisher);
      expect(await shares(publisher, [queue, queue], 10)).toEqual([5, 5]);
    });

    it('global: several queues are served, even with room for one message', async () => {
      const publisher = await lab.channel({ confirm: true });
      const queues = [await lab.queue(publisher), await lab.queue(publisher), await lab.queue(publisher)];
      // RabbitMQ chooses at random: of 60 messages no queue is likely to get fewer than 5.
      for (const share of await shares(publisher, queues, 60)) expect(share).toBeGreaterThanOrEqual(5);
    });

    /** Settles `total` messages one by one and returns how many each consumer received, while every queue has enough. */
    async function shares(publisher: Channel, queues: readonly string[], total: number): Promise<number[]> {
      const client = await lab.raw();
      client.send(1, 'basic.qos', { prefetchCount: 1, global: true });
      await client.expect('basic.qosOk');
      for (const [index, queue] of queues.entries()) {
        client.send(1, 'basic.consume', { queue, consumerTag: `${index}` });
        await client.expect('basic.consumeOk');
      }
      for (const queue of new Set(queues)) await fill(publisher, queue, total);
      const counts = queues.map(() => 0);
      for (let count = 0; count < total; count++) {
        const { consumerTag, deliveryTag } = (await client.expect('basic.deliver')).args;
        counts[Number(consumerTag)]!++;
        client.send(1, 'basic.ack', { deliveryTag });
      }
      return counts;
    }

    it('an ack with multiple makes room for each message that it settles', async () => {
      const [publisher, channel] = await lab.channels();
      const queue = await lab.queue(publisher);
      await fill(publisher, queue, 6);
      await channel.basicQos(3);
      const inbox = await lab.consume(channel, queue);
      (await inbox.take(3))[2]!.ack({ multiple: true });
      expect(texts(await inbox.take(3))).toEqual(['4', '5', '6']);
    });
  });

  describe('distribution among consumers', () => {
    it('consumers take turns', async () => {
      const [publisher, channel] = await lab.channels();
      const queue = await lab.queue(publisher);
      const inboxes = [];
      for (let count = 0; count < 3; count++) inboxes.push(await lab.consume(channel, queue, { noAck: true }));
      await fill(publisher, queue, 9);
      for (const inbox of inboxes) await inbox.take(3);
      expect(inboxes.map(({ all }) => all.length)).toEqual([3, 3, 3]);
    });

    it('a consumer without room is skipped', async () => {
      const [publisher, channel] = await lab.channels();
      const queue = await lab.queue(publisher);
      const slow = await lab.consume(channel, queue, { prefetch: 1 });
      const quick = await lab.consume(channel, queue, { noAck: true });
      await fill(publisher, queue, 10);
      await slow.take(1);
      await quick.take(9);
    });

    it('x-priority: a lower consumer receives messages once all higher ones are full', async () => {
      const [publisher, channel] = await lab.channels();
      const queue = await lab.queue(publisher);
      const low = await lab.consume(channel, queue, { prefetch: 5, arguments: { 'x-priority': -1 } });
      const normal = await lab.consume(channel, queue, { prefetch: 2 });
      const high = await lab.consume(channel, queue, { prefetch: 2, arguments: { 'x-priority': 10 } });
      await fill(publisher, queue, 5);
      expect(texts(await high.take(2))).toEqual(['1', '2']);
      expect(texts(await normal.take(2))).toEqual(['3', '4']);
      expect(texts(await low.take(1))).toEqual(['5']);
    });

    it('an exclusive consumer leaves the queue free when it is cancelled', async () => {
      const channel = await lab.channel();
      const queue = await lab.queue(channel);
      const consumer = await channel.basicConsume(queue, () => 0, { exclusive: true });
      await consumer.cancel();
      await channel.basicConsume(queue, () => 0);
    });

    it('single active consumer: one receives all messages, and the next takes over after it ends', async () => {
      const [publisher, channel] = await lab.channels();
      const queue = await lab.queue(publisher, { arguments: { 'x-single-active-consumer': true } });
      const [first, second] = [new Inbox<Delivery>(), new Inbox<Delivery>()];
      const active = await channel.basicConsume(queue, first.add, { noAck: true });
      await channel.basicConsume(queue, second.add, { noAck: true });
      await fill(publisher, queue, 3);
      expect(texts(await first.take(3))).toEqual(['1', '2', '3']);
      await active.cancel();
      await publisher.publish('', queue, 'next');
      expect(texts(await second.take(1))).toEqual(['next']);
      expect(first.all).toHaveLength(3);
    });

    it('a single active consumer without room is not replaced', async () => {
      const [publisher, channel] = await lab.channels();
      const queue = await lab.queue(publisher, { arguments: { 'x-single-active-consumer': true } });
      const first = await lab.consume(channel, queue, { prefetch: 1 });
      const second = await lab.consume(channel, queue, { prefetch: 1 });
      await fill(publisher, queue, 2);
      await first.take(1);
      expect(await lab.count(publisher, queue)).toBe(1);
      expect(second.all).toHaveLength(0);
    });

    it('noLocal is ignored: a connection receives its own messages', async () => {
      const channel = await lab.channel({ confirm: true });
      const queue = await lab.queue(channel);
      const inbox = await lab.consume(channel, queue, { noLocal: true, noAck: true });
      await channel.publish('', queue, 'mine');
      expect((await inbox.next()).text()).toBe('mine');
    });
  });

  describe('message priority', () => {
    it('higher priorities come first, each in order', async () => {
      const channel = await lab.channel({ confirm: true });
      const queue = await lab.queue(channel, { arguments: { 'x-max-priority': 5 } });
      for (const [text, priority] of [
        ['a1', 1],
        ['b5', 5],
        ['c1', 1],
        ['d5', 5],
        ['e3', 3],
      ] as const) {
        await channel.publish('', queue, text, { priority });
      }
      expect(await lab.drain(channel, queue)).toEqual(['b5', 'd5', 'e3', 'a1', 'c1']);
    });

    it('a missing priority counts as 0, a priority above the maximum as the maximum', async () => {
      const channel = await lab.channel({ confirm: true });
      const queue = await lab.queue(channel, { arguments: { 'x-max-priority': 2 } });
      await channel.publish('', queue, 'none');
      await channel.publish('', queue, 'two', { priority: 2 });
      await channel.publish('', queue, 'nine', { priority: 9 });
      expect(await lab.drain(channel, queue)).toEqual(['two', 'nine', 'none']);
    });

    it('has no effect without x-max-priority', async () => {
      const channel = await lab.channel({ confirm: true });
      const queue = await lab.queue(channel);
      for (const priority of [1, 9]) await channel.publish('', queue, `${priority}`, { priority });
      expect(await lab.drain(channel, queue)).toEqual(['1', '9']);
    });
  });

  describe('cancel notification', () => {
    it.each<[string, (channel: Channel, queue: string) => Promise<unknown>]>([
      ['deleted', (channel, queue) => channel.queueDelete(queue)],
    ])('comes when the queue is %s', async (_, act) => {
      const [admin, channel] = [await lab.channel(), await lab.channel()];
      const queue = await lab.queue(admin);
      const cancelled = new Inbox<string>();
      await channel.basicConsume(queue, () => 0, { onCancel: cancelled.add });
      await act(admin, queue);
      await cancelled.next();
      expect(channel.isOpen).toBe(true);
    });

    it('reaches a consumer of the deleting channel too', async () => {
      const client = await lab.raw({ capabilities: { consumer_cancel_notify: true } });
      const queue = lab.name();
      client.send(1, 'queue.declare', { queue });
      client.send(1, 'basic.consume', { queue, consumerTag: 't' });
      await client.expect('queue.declareOk');
      await client.expect('basic.consumeOk');
      client.send(1, 'queue.delete', { queue });
      const names = [(await client.next()).method, (await client.next()).method].map(({ name }) => name);
      expect(names.sort()).toEqual(['basic.cancel', 'queue.deleteOk']);
    });

    it('is not sent to a client without that capability', async () => {
      const client = await lab.raw();
      const queue = lab.name();
      client.send(1, 'queue.declare', { queue });
      client.send(1, 'basic.consume', { queue, consumerTag: 't' });
      await client.expect('queue.declareOk');
      await client.expect('basic.consumeOk');
      await (await lab.channel()).queueDelete(queue);
      for (let count = 0; count < 3; count++) {
        client.send(1, 'basic.qos');
        await client.expect('basic.qosOk');
      }
    });
  });

  it('a message that expired behind an unexpired one is not delivered', async () => {
    const channel = await lab.channel({ confirm: true });
    const queue = await lab.queue(channel);
    await channel.publish('', queue, 'living');
    await channel.publish('', queue, 'expired', { expiration: '20' });
    await channel.publish('', queue, 'living, too');
    // This TTL ends after that of the expired message.
    const later = await lab.queue(channel);
    await channel.publish('', later, 'x', { expiration: '40' });
    await eventually(async () => (await lab.count(channel, later)) === 0);
    expect(texts(await (await lab.consume(channel, queue)).take(2))).toEqual(['living', 'living, too']);
    expect(await lab.count(channel, queue)).toBe(0);
  });
});
