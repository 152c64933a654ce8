import { describe, expect, it } from '@jest/globals';
import { MessageReturnedError, type MessageProperties } from '../../lib/client/index.js';
import { errorOf, useLab } from './support/lab.js';
import { unchecked } from '../client/support/unchecked.js';
import type { RawClient } from './support/raw-client.js';
import type { MethodName } from '../../lib/protocol/types.js';

const PRECONDITION = 'channel 406 by basic.publish: PRECONDITION_FAILED -';

describe('publishing', () => {
  const lab = useLab();

  it('to an unknown exchange closes the channel', async () => {
    const channel = await lab.channel({ confirm: true });
    expect(await lab.refusal(channel.publish('not.there', 'k', 'x'))).toBe(
      "channel 404 by basic.publish: NOT_FOUND - no exchange 'not.there' in vhost '/'",
    );
  });

  it.each<[string, MessageProperties, string]>([
    ['an expiration that is no number', { expiration: 'soon' }, "invalid expiration 'soon': no_integer"],
    ['an empty expiration', { expiration: '' }, "invalid expiration '': no_integer"],
    ['an expiration below 0', { expiration: '-1' }, "invalid expiration '-1': {value_negative,-1}"],
    ['an expiration with a rest', { expiration: '1s' }, `invalid expiration '1s': {leftover_string,"s"}`],
    ['an expiration that is a fraction', { expiration: '1.5' }, `invalid expiration '1.5': {leftover_string,".5"}`],
    [
      'another user’s id',
      { userId: 'somebody' },
      "user_id property set to 'somebody' but authenticated user was 'guest'",
    ],
  ])('refuses %s', async (_, properties, text) => {
    const channel = await lab.channel({ confirm: true });
    expect(await lab.refusal(channel.publish('', 'q', 'x', unchecked(properties)))).toBe(`${PRECONDITION} ${text}`);
  });

  it('an expiration beyond 32 bits is accepted', async () => {
    const channel = await lab.channel({ confirm: true });
    const queue = await lab.queue(channel);
    await channel.publish('', queue, 'x', { expiration: '4294967296' });
    expect(await lab.drain(channel, queue)).toEqual(['x']);
  });

  it('accepts the user’s own user-id', async () => {
    const channel = await lab.channel({ confirm: true });
    const { username } = new URL(lab.url);
    await channel.publish('', 'nowhere', 'x', { userId: username || 'guest' });
  });

  describe('confirms', () => {
    it('count from 1 after confirm.select, and cover every publish', async () => {
      const client = await lab.raw();
      client.publish(1, { routingKey: 'nowhere' }, {}, 'before');
      client.send(1, 'confirm.select');
      await client.expect('confirm.selectOk');
      const confirmed: number[] = [];
      for (let count = 0; count < 50; count++) client.publish(1, { routingKey: 'nowhere' }, {}, 'x');
      while (confirmed.length < 50) {
        const { deliveryTag, multiple } = (await client.expect('basic.ack')).args;
        if (!multiple) confirmed.push(deliveryTag);
        else for (let tag = confirmed.length + 1; tag <= deliveryTag; tag++) confirmed.push(tag);
      }
      expect(confirmed.sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
    });

    it('confirm.select may be repeated; the count continues', async () => {
      const client = await lab.raw();
      for (let tag = 1; tag <= 2; tag++) {
        client.send(1, 'confirm.select');
        await client.expect('confirm.selectOk');
        client.publish(1, { routingKey: 'nowhere' });
        expect((await client.expect('basic.ack')).args).toEqual({ deliveryTag: tag, multiple: false });
      }
    });

    it('each channel counts for itself', async () => {
      const connection = await lab.connect();
      for (const channel of [
        await connection.openChannel({ confirm: true }),
        await connection.openChannel({ confirm: true }),
      ]) {
        expect(await channel.publish('', 'nowhere', 'x')).toBe(1);
      }
    });

    it('are sent once the message is in all its queues', async () => {
      const channel = await lab.channel({ confirm: true });
      const exchange = await lab.exchange(channel, 'fanout');
      const queues = [await lab.queue(channel), await lab.queue(channel, { durable: true })];
      for (const queue of queues) await channel.queueBind(queue, exchange);
      await channel.publish(exchange, '', 'x', { deliveryMode: 2 });
      for (const queue of queues) expect(await lab.count(channel, queue)).toBe(1);
    });

    it('are not sent without confirm.select', async () => {
      const client = await lab.raw();
      client.publish(1, { routingKey: 'nowhere' }, {}, 'x');
      client.send(1, 'basic.qos');
      await client.expect('basic.qosOk');
    });
  });

  describe('mandatory', () => {
    it('returns an unroutable message with 312, exchange, key, properties and body', async () => {
      const client = await lab.raw();
      client.publish(
        1,
        { exchange: 'amq.direct', routingKey: 'nobody', mandatory: true },
        { messageId: 'm', headers: { a: 1 } },
        'body',
      );
      const { args, properties, body } = await client.expect('basic.return');
      expect(args).toEqual({ replyCode: 312, replyText: 'NO_ROUTE', exchange: 'amq.direct', routingKey: 'nobody' });
      expect(properties).toMatchObject({ messageId: 'm', headers: { a: 1 } });
      expect(body!.toString()).toBe('body');
    });

    it('the return precedes the ack', async () => {
      const client = await lab.raw();
      client.send(1, 'confirm.select');
      await client.expect('confirm.selectOk');
      for (let tag = 1; tag <= 3; tag++) {
        client.publish(1, { routingKey: 'nobody', mandatory: true }, {}, `${tag}`);
        expect((await client.expect('basic.return')).body!.toString()).toBe(`${tag}`);
        expect((await client.expect('basic.ack')).args.deliveryTag).toBe(tag);
      }
    });

    it('a routed message is not returned, even if its queue drops it', async () => {
      const channel = await lab.channel({ confirm: true });
      const queue = await lab.queue(channel, { arguments: { 'x-max-length': 0 } });
      await channel.publish('', queue, 'x', { mandatory: true });
      expect(await lab.count(channel, queue)).toBe(0);
    });

    it('an unroutable message that is not mandatory is dropped and acked', async () => {
      const channel = await lab.channel({ confirm: true });
      expect(await channel.publish('', 'nobody', 'x')).toBe(1);
    });

    it('an empty message is returned too', async () => {
      const channel = await lab.channel({ confirm: true });
      const error = await errorOf<MessageReturnedError>(channel.publish('', 'nobody', '', { mandatory: true }));
      expect(error).toBeInstanceOf(MessageReturnedError);
      expect(error.returned.body).toHaveLength(0);
    });
  });

  describe('transactions', () => {
    it('publishes take effect at the commit', async () => {
      const [channel, other] = [await lab.channel(), await lab.channel()];
      const queue = await lab.queue(channel);
      await channel.txSelect();
      await channel.publish('', queue, 'x');
      expect(await lab.count(other, queue)).toBe(0);
      await channel.txCommit();
      expect(await lab.count(other, queue)).toBe(1);
    });

    it('a rollback discards publishes', async () => {
      const channel = await lab.channel();
      const queue = await lab.queue(channel);
      await channel.txSelect();
      await channel.publish('', queue, 'x');
      await channel.txRollback();
      await channel.txCommit();
      expect(await lab.count(channel, queue)).toBe(0);
    });

    it('acks take effect at the commit', async () => {
      const channel = await lab.channel();
      const queue = await lab.queue(channel);
      await channel.publish('', queue, 'x');
      const other = await lab.channel();
      await eventuallyOne(other, queue);
      await channel.txSelect();
      const delivery = await channel.basicGet(queue);
      delivery!.ack();
      await channel.close();
      expect((await other.basicGet(queue))!.redelivered).toBe(true);
    });

    it('a committed ack is final', async () => {
      const [channel, other] = [await lab.channel(), await lab.channel()];
      const queue = await lab.queue(channel);
      await channel.publish('', queue, 'x');
      await eventuallyOne(other, queue);
      await channel.txSelect();
      (await channel.basicGet(queue))!.ack();
      await channel.txCommit();
      await channel.close();
      expect(await other.basicGet(queue)).toBeUndefined();
    });

    it('returns are sent at the commit, before commit-ok', async () => {
      const client = await lab.raw();
      client.send(1, 'tx.select');
      await client.expect('tx.selectOk');
      client.publish(1, { routingKey: 'nobody', mandatory: true }, {}, 'x');
      client.send(1, 'basic.qos');
      await client.expect('basic.qosOk');
      client.send(1, 'tx.commit');
      await client.expect('basic.return');
      await client.expect('tx.commitOk');
    });

    it.each([
      ['commit', 'tx.commit'],
      ['rollback', 'tx.rollback'],
    ] as const)('%s without select', async (_, method) => {
      const client = await lab.raw();
      client.send(1, method);
      expect(await client.refusal()).toBe(
        `channel 406 by ${method}: PRECONDITION_FAILED - channel is not transactional`,
      );
    });

    it('confirms on a transactional channel', async () => {
      const client = await lab.raw();
      client.send(1, 'tx.select');
      await client.expect('tx.selectOk');
      client.send(1, 'confirm.select');
      expect(await client.refusal()).toBe(
        'channel 406 by confirm.select: PRECONDITION_FAILED - cannot switch from tx to confirm mode',
      );
    });

    it('transactions on a channel with confirms', async () => {
      const client = await lab.raw();
      client.send(1, 'confirm.select');
      await client.expect('confirm.selectOk');
      client.send(1, 'tx.select');
      expect(await client.refusal()).toBe(
        'channel 406 by tx.select: PRECONDITION_FAILED - cannot switch from confirm to tx mode',
      );
    });

    it('a closed channel discards uncommitted work', async () => {
      const [channel, other] = [await lab.channel(), await lab.channel()];
      const queue = await lab.queue(channel);
      await channel.txSelect();
      await channel.publish('', queue, 'x');
      await channel.close();
      expect(await lab.count(other, queue)).toBe(0);
    });
  });

  async function eventuallyOne(channel: Awaited<ReturnType<typeof lab.channel>>, queue: string): Promise<void> {
    while ((await lab.count(channel, queue)) === 0) await channel.basicQos(0);
  }

  describe('pending methods of a channel or connection are sent before its close', () => {
    it.each<[string, (client: RawClient) => void, MethodName]>([
      ['channel.close', (client) => client.send(1, 'channel.close'), 'channel.closeOk'],
      ['connection.close', (client) => client.send(0, 'connection.close'), 'connection.closeOk'],
      ['an error of the channel', (client) => client.send(1, 'basic.get', { queue: 'not.there' }), 'channel.close'],
      ['an error of the connection', (client) => client.send(1, 'channel.open'), 'connection.close'],
    ])('confirms come before the end, by %s', async (_, end, last) => {
      const client = await lab.raw();
      client.send(1, 'confirm.select');
      await client.expect('confirm.selectOk');
      for (let count = 0; count < 20; count++) client.publish(1, { routingKey: 'nowhere' }, {}, 'x');
      end(client);
      const names: MethodName[] = [];
      while (names.at(-1) !== last) names.push((await client.next()).method.name);
      // The answer on the channel follows all earlier methods.
      if (last === 'channel.closeOk' || last === 'channel.close') {
        if (last === 'channel.close') client.send(1, 'channel.closeOk');
        await client.openChannel(1);
        client.send(1, 'confirm.select');
        await client.expect('confirm.selectOk');
      } else if (last === 'connection.close') {
        client.send(0, 'connection.closeOk');
        await client.ended;
      }
      expect(names.slice(0, -1).every((name) => name === 'basic.ack')).toBe(true);
    });

    it('no basic.cancel is sent on a closed channel', async () => {
      const client = await lab.raw({ capabilities: { consumer_cancel_notify: true } });
      const queue = lab.name();
      client.send(1, 'queue.declare', { queue });
      await client.expect('queue.declareOk');
      client.send(1, 'basic.consume', { queue, consumerTag: 'c' });
      await client.expect('basic.consumeOk');
      client.together(() => {
        client.send(1, 'queue.delete', { queue });
        client.send(1, 'channel.close');
      });
      const names: MethodName[] = [];
      while (names.at(-1) !== 'channel.closeOk') names.push((await client.next()).method.name);
      client.send(1, 'channel.open');
      while (names.at(-1) !== 'channel.openOk') names.push((await client.next()).method.name);
      expect(names.slice(names.indexOf('channel.closeOk'))).toEqual(['channel.closeOk', 'channel.openOk']);
    });
  });
});
