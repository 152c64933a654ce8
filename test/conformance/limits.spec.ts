import { describe, expect, it } from '@jest/globals';
import { PublishNackedError, type Channel } from '../../lib/client/index.js';
import { errorOf, eventually, useLab } from './support/lab.js';

describe('limits and times', () => {
  const lab = useLab();

  async function fill(channel: Channel, queue: string, ...texts: string[]): Promise<void> {
    for (const text of texts) await channel.publish('', queue, text);
  }

  describe('length', () => {
    it('x-max-length drops the oldest', async () => {
      const channel = await lab.channel({ confirm: true });
      const queue = await lab.queue(channel, { arguments: { 'x-max-length': 2 } });
      await fill(channel, queue, 'a', 'b', 'c', 'd');
      expect(await lab.drain(channel, queue)).toEqual(['c', 'd']);
    });

    it('x-max-length-bytes counts bodies', async () => {
      const channel = await lab.channel({ confirm: true });
      const queue = await lab.queue(channel, { arguments: { 'x-max-length-bytes': 10 } });
      await fill(channel, queue, 'aaaa', 'bbbb', 'cc', 'd');
      expect(await lab.drain(channel, queue)).toEqual(['bbbb', 'cc', 'd']);
    });

    it('both limits hold, whichever is reached first', async () => {
      const channel = await lab.channel({ confirm: true });
      const queue = await lab.queue(channel, { arguments: { 'x-max-length': 3, 'x-max-length-bytes': 8 } });
      await fill(channel, queue, 'a', 'b', 'c', 'd');
      expect(await lab.count(channel, queue)).toBe(3);
      await fill(channel, queue, 'eeeeeee');
      expect(await lab.drain(channel, queue)).toEqual(['d', 'eeeeeee']);
    });

    it('a single message larger than x-max-length-bytes does not stay', async () => {
      const channel = await lab.channel({ confirm: true });
      const queue = await lab.queue(channel, { arguments: { 'x-max-length-bytes': 3 } });
      await fill(channel, queue, 'a', 'bbbb');
      expect(await lab.drain(channel, queue)).toEqual([]);
    });

    it('unacknowledged deliveries do not count', async () => {
      const channel = await lab.channel({ confirm: true });
      const queue = await lab.queue(channel, { arguments: { 'x-max-length': 1 } });
      await fill(channel, queue, 'a');
      const held = await channel.basicGet(queue);
      await fill(channel, queue, 'b');
      expect(await lab.count(channel, queue)).toBe(1);
      held!.nack();
      // The message is back at the head as the oldest, so the limit drops it.
      await eventually(async () => (await lab.count(channel, queue)) === 1);
      expect(await lab.drain(channel, queue)).toEqual(['b']);
    });

    it.each(['reject-publish', 'reject-publish-dlx'])(
      '%s nacks messages that do not fit, and keeps the existing ones',
      async (overflow) => {
        const channel = await lab.channel({ confirm: true });
        const queue = await lab.queue(channel, { arguments: { 'x-max-length': 2, 'x-overflow': overflow } });
        await fill(channel, queue, 'a', 'b');
        expect(await errorOf(channel.publish('', queue, 'c'))).toBeInstanceOf(PublishNackedError);
        await channel.basicGet(queue, { noAck: true });
        await eventually(async () => (await lab.count(channel, queue)) === 1);
        await fill(channel, queue, 'd');
        expect(await lab.drain(channel, queue)).toEqual(['b', 'd']);
      },
    );

    it('a refused publish is nacked although another queue has accepted it', async () => {
      const channel = await lab.channel({ confirm: true });
      const exchange = await lab.exchange(channel, 'fanout');
      const full = await lab.queue(channel, { arguments: { 'x-max-length': 0, 'x-overflow': 'reject-publish' } });
      const free = await lab.queue(channel);
      for (const queue of [full, free]) await channel.queueBind(queue, exchange);
      expect(await errorOf(channel.publish(exchange, '', 'x'))).toBeInstanceOf(PublishNackedError);
      expect(await lab.drain(channel, free)).toEqual(['x']);
    });

    it('without confirms a message that does not fit is dropped without an error', async () => {
      const channel = await lab.channel();
      const queue = await lab.queue(channel, { arguments: { 'x-max-length': 0, 'x-overflow': 'reject-publish' } });
      await channel.publish('', queue, 'x');
      expect(await lab.count(channel, queue)).toBe(0);
    });

    it('a priority queue drops the lowest priority first', async () => {
      const channel = await lab.channel({ confirm: true });
      const queue = await lab.queue(channel, { arguments: { 'x-max-length': 2, 'x-max-priority': 5 } });
      for (const priority of [5, 1, 3]) await channel.publish('', queue, `${priority}`, { priority });
      const left = await lab.drain(channel, queue);
      expect(left).toEqual(lab.version >= 4 ? left : ['3', '1']);
      expect(left).toHaveLength(2);
    });
  });

  describe('message TTL', () => {
    it('x-message-ttl: a message expires after its TTL', async () => {
      const channel = await lab.channel({ confirm: true });
      const queue = await lab.queue(channel, { arguments: { 'x-message-ttl': 100 } });
      await fill(channel, queue, 'x');
      expect(await lab.count(channel, queue)).toBe(1);
      await eventually(async () => (await lab.count(channel, queue)) === 0);
    });

    it('x-message-ttl of 0: a message reaches only a waiting consumer', async () => {
      const [channel, consumer] = await lab.channels();
      const queue = await lab.queue(channel, { arguments: { 'x-message-ttl': 0 } });
      await fill(channel, queue, 'nobody waits');
      const inbox = await lab.consume(consumer, queue, { noAck: true });
      await fill(channel, queue, 'somebody waits');
      expect((await inbox.next()).text()).toBe('somebody waits');
    });

    it('expiration: applies to that message only', async () => {
      const channel = await lab.channel({ confirm: true });
      const queue = await lab.queue(channel);
      await channel.publish('', queue, 'short', { expiration: 50 });
      await channel.publish('', queue, 'long');
      await eventually(async () => (await lab.count(channel, queue)) === 1);
      expect(await lab.drain(channel, queue)).toEqual(['long']);
    });

    it('expiration of 0: expires unless it is delivered at once', async () => {
      const channel = await lab.channel({ confirm: true });
      const queue = await lab.queue(channel);
      await channel.publish('', queue, 'x', { expiration: '0' });
      expect(await channel.basicGet(queue)).toBeUndefined();
    });

    it('the smaller of x-message-ttl and expiration applies', async () => {
      const channel = await lab.channel({ confirm: true });
      const [small, large] = [
        await lab.queue(channel, { arguments: { 'x-message-ttl': 60 } }),
        await lab.queue(channel, { arguments: { 'x-message-ttl': 60_000 } }),
      ];
      await channel.publish('', small, 'x', { expiration: '60000' });
      await channel.publish('', large, 'x', { expiration: '60' });
      for (const queue of [small, large]) await eventually(async () => (await lab.count(channel, queue)) === 0);
    });

    it('messages expire only at the head: a message waits behind one with a longer TTL', async () => {
      const channel = await lab.channel({ confirm: true });
      const [queue, clock] = [await lab.queue(channel), await lab.queue(channel)];
      await channel.publish('', queue, 'long', { expiration: '60000' });
      await channel.publish('', queue, 'short', { expiration: '50' });
      await channel.publish('', clock, 'x', { expiration: '150' });
      await eventually(async () => (await lab.count(channel, clock)) === 0);
      expect(await lab.count(channel, queue)).toBe(2);
      await channel.basicGet(queue, { noAck: true });
      await eventually(async () => (await lab.count(channel, queue)) === 0);
    });

    it('a delivered message does not expire; a requeued one does', async () => {
      const channel = await lab.channel({ confirm: true });
      const queue = await lab.queue(channel, { arguments: { 'x-message-ttl': 80 } });
      const clock = await lab.queue(channel, { arguments: { 'x-message-ttl': 160 } });
      await fill(channel, queue, 'x');
      const held = await channel.basicGet(queue);
      await fill(channel, clock, 'x');
      await eventually(async () => (await lab.count(channel, clock)) === 0);
      held!.nack();
      await eventually(async () => (await lab.count(channel, queue)) === 0);
      expect(await channel.basicGet(queue)).toBeUndefined();
    });

    it('expiration stays on the message that is delivered', async () => {
      const channel = await lab.channel({ confirm: true });
      const queue = await lab.queue(channel);
      await channel.publish('', queue, 'x', { expiration: '60000' });
      expect((await channel.basicGet(queue, { noAck: true }))!.properties.expiration).toBe('60000');
    });
  });

  describe('queue TTL', () => {
    it('x-expires: an unused queue is deleted', async () => {
      const channel = await lab.channel({ confirm: true });
      const queue = await lab.queue(channel, { arguments: { 'x-expires': 100 } });
      await fill(channel, queue, 'x');
      await eventually(async () => {
        const other = await lab.channel();
        const [answer] = await Promise.allSettled([other.queueDelete(queue, { ifEmpty: true })]);
        return answer.status === 'fulfilled';
      });
    });

    it('a consumer keeps the queue', async () => {
      const channel = await lab.channel({ confirm: true });
      const queue = await lab.queue(channel, { arguments: { 'x-expires': 80 } });
      const clock = await lab.queue(channel, { arguments: { 'x-message-ttl': 250 } });
      const consumer = await channel.basicConsume(queue, () => undefined);
      await fill(channel, clock, 'x');
      await eventually(async () => (await lab.count(channel, clock)) === 0);
      expect(consumer.active).toBe(true);
      expect((await channel.queueDeclare(queue, { passive: true })).consumerCount).toBe(1);
    });

    it('basic.get and queue.declare keep the queue', async () => {
      const channel = await lab.channel({ confirm: true });
      const options = { durable: false, arguments: { 'x-expires': 400 } };
      const queue = await lab.queue(channel, options);
      const clock = await lab.queue(channel, { arguments: { 'x-message-ttl': 900 } });
      await fill(channel, clock, 'x');
      while ((await lab.count(channel, clock)) > 0) {
        await channel.basicGet(queue);
        await channel.queueDeclare(queue, options);
      }
      await channel.queueDeclare(queue, { passive: true });
    });
  });
});
