import { describe, expect, it } from '@jest/globals';
import type { Channel, Delivery } from '../../lib/client/index.js';
import { eventually, useLab } from './support/lab.js';
import type { RawClient } from './support/raw-client.js';

const texts = (deliveries: (Delivery | undefined)[]): (string | undefined)[] => deliveries.map((d) => d?.text());

describe('settling', () => {
  const lab = useLab();

  async function filled(channel: Channel, ...messages: string[]): Promise<string> {
    const queue = await lab.queue(channel);
    for (const text of messages) await channel.publish('', queue, text);
    return queue;
  }

  describe('unknown delivery tags close the channel', () => {
    it.each([
      ['basic.ack', 'basic.ack', { deliveryTag: 7 }],
      ['basic.ack multiple', 'basic.ack', { deliveryTag: 7, multiple: true }],
      ['basic.nack', 'basic.nack', { deliveryTag: 7 }],
      ['basic.reject', 'basic.reject', { deliveryTag: 7 }],
      ['tag 0 alone', 'basic.ack', { deliveryTag: 0 }],
    ] as const)('%s', async (_, method, args) => {
      const client = await lab.raw();
      client.send(1, method, args);
      const { deliveryTag } = args;
      expect(await client.refusal()).toBe(
        `channel 406 by ${method}: PRECONDITION_FAILED - unknown delivery tag ${deliveryTag}`,
      );
    });

    it('a second time', async () => {
      const [publisher, client] = [await lab.channel({ confirm: true }), await lab.raw()];
      const queue = await filled(publisher, 'x');
      client.send(1, 'basic.get', { queue });
      await client.expect('basic.getOk');
      for (let count = 0; count < 2; count++) client.send(1, 'basic.ack', { deliveryTag: 1 });
      expect(await client.refusal()).toBe('channel 406 by basic.ack: PRECONDITION_FAILED - unknown delivery tag 1');
    });

    it('of a delivery without acknowledgement', async () => {
      const [publisher, client] = [await lab.channel({ confirm: true }), await lab.raw()];
      const queue = await filled(publisher, 'x');
      client.send(1, 'basic.get', { queue, noAck: true });
      await client.expect('basic.getOk');
      client.send(1, 'basic.ack', { deliveryTag: 1 });
      expect(await client.refusal()).toMatch(/unknown delivery tag 1$/);
    });

    it('of another channel', async () => {
      const [publisher, client] = [await lab.channel({ confirm: true }), await lab.raw()];
      const queue = await filled(publisher, 'x');
      client.send(1, 'basic.get', { queue });
      await client.expect('basic.getOk');
      await client.openChannel(2);
      client.send(2, 'basic.ack', { deliveryTag: 1 });
      expect(await client.refusal()).toMatch(/unknown delivery tag 1$/);
    });
  });

  it('tag 0 with multiple settles all deliveries, even none', async () => {
    const [publisher, client] = [await lab.channel({ confirm: true }), await lab.raw()];
    const queue = await filled(publisher, 'a', 'b');
    client.send(1, 'basic.ack', { deliveryTag: 0, multiple: true });
    for (let count = 0; count < 2; count++) {
      client.send(1, 'basic.get', { queue });
      await client.expect('basic.getOk');
    }
    client.send(1, 'basic.ack', { deliveryTag: 0, multiple: true });
    client.send(1, 'channel.close', { replyCode: 200 });
    await client.expect('channel.closeOk');
    expect(await publisher.basicGet(queue)).toBeUndefined();
  });

  it.each<[string, (delivery: Delivery) => void]>([
    ['nack', (delivery) => delivery.nack()],
    ['reject', (delivery) => delivery.reject({ requeue: true })],
  ])('%s with requeue returns the message to its place, as redelivered', async (_, settle) => {
    const channel = await lab.channel({ confirm: true });
    const queue = await filled(channel, 'a', 'b', 'c');
    const [first, second] = [await channel.basicGet(queue), await channel.basicGet(queue)];
    settle(second!);
    settle(first!);
    const again = [await channel.basicGet(queue), await channel.basicGet(queue), await channel.basicGet(queue)];
    expect(texts(again)).toEqual(['a', 'b', 'c']);
    expect(again.map((delivery) => delivery!.redelivered)).toEqual([true, true, false]);
  });

  it('nack with multiple requeues all deliveries up to its tag, in order', async () => {
    const channel = await lab.channel({ confirm: true });
    const queue = await filled(channel, 'a', 'b', 'c', 'd');
    const held: Delivery[] = [];
    for (let count = 0; count < 3; count++) held.push((await channel.basicGet(queue))!);
    held[1]!.nack({ multiple: true });
    await channel.basicQos(0);
    expect(await lab.drain(channel, queue)).toEqual(['a', 'b', 'd']);
    held[2]!.ack();
  });

  it('reject without requeue drops the message', async () => {
    const channel = await lab.channel({ confirm: true });
    const queue = await filled(channel, 'a');
    (await channel.basicGet(queue))!.reject({ requeue: false });
    expect(await channel.basicGet(queue)).toBeUndefined();
  });

  it('a closed channel returns its unacknowledged messages to the queue, in order', async () => {
    const [publisher, channel] = await lab.channels();
    const queue = await filled(publisher, 'a', 'b', 'c');
    for (let count = 0; count < 2; count++) await channel.basicGet(queue);
    await channel.close();
    const again = [await publisher.basicGet(queue), await publisher.basicGet(queue), await publisher.basicGet(queue)];
    expect(texts(again)).toEqual(['a', 'b', 'c']);
    expect(again.map((delivery) => delivery!.redelivered)).toEqual([true, true, false]);
  });

  it('a connection that dies returns its unacknowledged messages to the queue', async () => {
    const [publisher, client] = [await lab.channel({ confirm: true }), await lab.raw()];
    const queue = await filled(publisher, 'a');
    client.send(1, 'basic.get', { queue });
    await client.expect('basic.getOk');
    client.destroy();
    const again = await eventually(() => publisher.basicGet(queue));
    expect([again.text(), again.redelivered]).toEqual(['a', true]);
  });

  it('a channel error returns the unacknowledged messages to the queue', async () => {
    const [publisher, channel] = await lab.channels();
    const queue = await filled(publisher, 'a');
    await channel.basicGet(queue);
    await lab.refusal(channel.queuePurge('not.there'));
    expect((await eventually(() => publisher.basicGet(queue))).redelivered).toBe(true);
  });

  it('basic.get returns the number of remaining messages, and get-empty for an empty queue', async () => {
    const [publisher, client] = [await lab.channel({ confirm: true }), await lab.raw()];
    const queue = await filled(publisher, 'a', 'b');
    for (const messageCount of [1, 0]) {
      client.send(1, 'basic.get', { queue, noAck: true });
      expect((await client.expect('basic.getOk')).args).toMatchObject({
        messageCount,
        redelivered: false,
        exchange: '',
      });
    }
    client.send(1, 'basic.get', { queue });
    await client.expect('basic.getEmpty');
  });

  it('a consumer receives a message that it requeues, repeatedly', async () => {
    const [publisher, channel] = await lab.channels();
    const queue = await filled(publisher, 'x');
    const seen: boolean[] = [];
    const delivery = await new Promise<Delivery>((resolve) => {
      void channel.basicConsume(queue, (delivery) => {
        seen.push(delivery.redelivered);
        if (seen.length === 5) resolve(delivery);
        else delivery.nack();
      });
    });
    delivery.ack();
    expect(seen).toEqual([false, true, true, true, true]);
  });

  describe('recover', () => {
    it.each([
      ['basic.recover', 'basic.recover'],
      ['basic.recover-async', 'basic.recoverAsync'],
    ] as const)('%s requeues what is unacknowledged', async (_, method) => {
      const [publisher, client] = [await lab.channel({ confirm: true }), await lab.raw()];
      const queue = await filled(publisher, 'a', 'b');
      for (let count = 0; count < 2; count++) {
        client.send(1, 'basic.get', { queue });
        await client.expect('basic.getOk');
      }
      client.send(1, method, { requeue: true });
      if (method === 'basic.recover') await client.expect('basic.recoverOk');
      for (const body of ['a', 'b']) {
        client.send(1, 'basic.get', { queue });
        const got = await client.expect('basic.getOk');
        expect([got.body!.toString(), got.args.redelivered]).toEqual([body, true]);
      }
    });

    it('is answered before the redeliveries', async () => {
      const [publisher, client] = [await lab.channel({ confirm: true }), await lab.raw()];
      const queue = await filled(publisher, 'a');
      client.send(1, 'basic.consume', {
        queue,
        consumerTag: 'own',
        noLocal: false,
        noAck: false,
        exclusive: false,
        noWait: false,
        arguments: {},
      });
      await client.expect('basic.consumeOk');
      await client.expect('basic.deliver');
      client.send(1, 'basic.recover', { requeue: true });
      await client.expect('basic.recoverOk');
      const again = await client.expect('basic.deliver');
      expect([again.args.redelivered, again.args.deliveryTag]).toEqual([true, 2]);
    });

    it('redelivers to the same consumer', async () => {
      const [publisher, channel] = await lab.channels();
      const queue = await filled(publisher, 'a');
      const inbox = await lab.consume(channel, queue);
      await inbox.next();
      await channel.basicRecover();
      const again = await inbox.next();
      expect([again.text(), again.redelivered, again.deliveryTag]).toEqual(['a', true, 2]);
    });
  });

  describe('transactions: a message is routed at once, and goes at commit to the queues that still exist', () => {
    async function selected(): Promise<{ client: RawClient; queue: string }> {
      const client = await lab.raw();
      const queue = lab.name();
      client.send(1, 'queue.declare', { queue });
      await client.expect('queue.declareOk');
      client.send(1, 'tx.select');
      await client.expect('tx.selectOk');
      return { client, queue };
    }

    it('to a queue deleted before the commit: returned', async () => {
      const { client, queue } = await selected();
      client.publish(1, { routingKey: queue, mandatory: true }, {}, 'x');
      client.send(1, 'queue.delete', { queue });
      await client.expect('queue.deleteOk');
      client.send(1, 'tx.commit');
      const { args, body } = await client.expect('basic.return');
      expect([args.replyCode, args.replyText, body!.toString()]).toEqual([312, 'NO_ROUTE', 'x']);
      await client.expect('tx.commitOk');
    });

    it('to a queue deleted and declared again before the commit: goes to the new queue', async () => {
      const { client, queue } = await selected();
      client.publish(1, { routingKey: queue, mandatory: true }, {}, 'x');
      client.send(1, 'queue.delete', { queue });
      await client.expect('queue.deleteOk');
      client.send(1, 'queue.declare', { queue });
      await client.expect('queue.declareOk');
      client.send(1, 'tx.commit');
      await client.expect('tx.commitOk');
      client.send(1, 'basic.get', { queue, noAck: true });
      await client.expect('basic.getOk');
    });

    it('to a queue bound after the publish: returned', async () => {
      const { client, queue } = await selected();
      client.publish(1, { exchange: 'amq.direct', routingKey: queue, mandatory: true }, {}, 'x');
      client.send(1, 'queue.bind', { queue, exchange: 'amq.direct', routingKey: queue });
      await client.expect('queue.bindOk');
      client.send(1, 'tx.commit');
      await client.expect('basic.return');
      await client.expect('tx.commitOk');
    });

    it('without a queue: returned at commit, not before', async () => {
      const { client } = await selected();
      client.publish(1, { routingKey: 'not.there', mandatory: true }, {}, 'x');
      client.send(1, 'basic.qos', { prefetchCount: 1 });
      await client.expect('basic.qosOk');
      client.send(1, 'tx.commit');
      await client.expect('basic.return');
      await client.expect('tx.commitOk');
    });
  });
});
