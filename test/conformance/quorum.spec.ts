import { describe, expect, it } from '@jest/globals';
import type { Channel, FieldTable, QueueDeclareOptions } from '../../lib/client/index.js';
import { eventually, useLab, type Lab } from './support/lab.js';

const PRECONDITION = 'channel 406 by queue.declare: PRECONDITION_FAILED -';

describe('quorum queues', () => {
  const lab = useLab();

  async function quorum(channel: Channel, args: FieldTable = {}): Promise<string> {
    return lab.queue(channel, { durable: true, arguments: { 'x-queue-type': 'quorum', ...args } });
  }

  it.each<[string, QueueDeclareOptions, string]>([
    ['not durable', { durable: false }, "invalid property 'non-durable' for queue 'q' in vhost '/'"],
    ['auto-delete', { autoDelete: true }, "invalid property 'auto-delete' for queue 'q' in vhost '/'"],
    ['exclusive', { exclusive: true }, "invalid property 'exclusive-owner' for queue 'q' in vhost '/'"],
    [
      'x-max-priority',
      { arguments: { 'x-max-priority': 5 } },
      "invalid arg 'x-max-priority' for queue 'q' in vhost '/' of queue type rabbit_quorum_queue",
    ],
    [
      'x-queue-mode',
      { arguments: { 'x-queue-mode': 'lazy' } },
      "invalid arg 'x-queue-mode' for queue 'q' in vhost '/' of queue type rabbit_quorum_queue",
    ],
  ])('refuse: %s', async (_, options, text) => {
    const channel = await lab.channel();
    const args = { 'x-queue-type': 'quorum', ...options.arguments };
    const declared = channel.queueDeclare(lab.name(), { durable: true, ...options, arguments: args });
    expect(await lab.refusal(declared)).toBe(`${PRECONDITION} ${text}`);
  });

  it('x-delivery-limit on a classic queue', async () => {
    const channel = await lab.channel();
    const declared = channel.queueDeclare(lab.name(), { durable: true, arguments: { 'x-delivery-limit': 5 } });
    expect(await lab.refusal(declared)).toBe(
      `${PRECONDITION} invalid arg 'x-delivery-limit' for queue 'q' in vhost '/' of queue type rabbit_classic_queue`,
    );
  });

  it('publish, get, ack', async () => {
    const channel = await lab.channel({ confirm: true });
    const queue = await quorum(channel);
    await channel.publish('', queue, 'x');
    const delivery = await eventually(() => channel.basicGet(queue));
    expect([delivery.text(), delivery.redelivered]).toEqual(['x', false]);
    delivery.ack();
  });

  it('x-delivery-count is the number of times a message was returned', async () => {
    const [publisher, channel] = await lab.channels();
    const queue = await quorum(publisher);
    const inbox = await lab.consume(channel, queue);
    await publisher.publish('', queue, 'x');
    for (let count = 0; count < 3; count++) {
      const delivery = await inbox.next();
      expect(delivery.properties.headers?.['x-delivery-count']).toBe(count === 0 ? undefined : count);
      expect(delivery.redelivered).toBe(count > 0);
      delivery.nack();
    }
  });

  it('x-delivery-limit: a message is redelivered that often, then dead-lettered', async () => {
    const [publisher, channel] = await lab.channels();
    const grave = await lab.queue(publisher);
    const queue = await quorum(publisher, {
      'x-delivery-limit': 2,
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': grave,
    });
    const inbox = await lab.consume(channel, queue);
    await publisher.publish('', queue, 'x');
    for (let count = 0; count < 3; count++) (await inbox.next()).nack();
    const letter = await eventually(() => publisher.basicGet(grave));
    expect(letter.properties.headers).toMatchObject({
      'x-death': [{ reason: 'delivery_limit', queue }],
      'x-first-death-reason': 'delivery_limit',
    });
    expect(inbox.all).toHaveLength(3);
  });

  it('a rejected message is dead-lettered', async () => {
    const [publisher, channel] = await lab.channels();
    const grave = await lab.queue(publisher);
    const queue = await quorum(publisher, { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': grave });
    const inbox = await lab.consume(channel, queue);
    await publisher.publish('', queue, 'x');
    (await inbox.next()).reject({ requeue: false });
    const letter = await eventually(() => publisher.basicGet(grave));
    expect(letter.properties.headers).toMatchObject({ 'x-death': [{ reason: 'rejected', queue, count: 1 }] });
  });

  it('x-max-length drops the oldest', async () => {
    const [publisher, channel] = await lab.channels();
    const queue = await quorum(publisher, { 'x-max-length': 2 });
    for (const text of ['a', 'b', 'c']) await publisher.publish('', queue, text);
    await eventually(async () => (await lab.count(publisher, queue)) === 2);
    const inbox = await lab.consume(channel, queue);
    expect((await inbox.take(2)).map((delivery) => delivery.text())).toEqual(['b', 'c']);
  });

  it('single active consumer', async () => {
    const [publisher, channel] = await lab.channels();
    const queue = await quorum(publisher, { 'x-single-active-consumer': true });
    const [first, second] = [await lab.consume(channel, queue), await lab.consume(channel, queue)];
    for (const text of ['a', 'b']) await publisher.publish('', queue, text);
    await first.take(2);
    expect(second.all).toHaveLength(0);
  });

  it.each<[string, (lab: Lab, queue: string) => Promise<string>]>([
    [
      'a channel-wide prefetch',
      async (lab, queue) => {
        const channel = await lab.channel();
        if (lab.version < 4) await channel.basicQos(3, { global: true });
        return lab.version < 4 ? lab.refusal(channel.basicConsume(queue, () => 0)) : 'connection 540';
      },
    ],
  ])('do not support %s', async (_, act) => {
    const channel = await lab.channel();
    const queue = await quorum(channel);
    expect(await act(lab, queue)).toMatch(
      /^connection 540( by basic.consume: NOT_IMPLEMENTED - queue 'q' in vhost '\/' does not support global qos)?$/,
    );
  });
});
