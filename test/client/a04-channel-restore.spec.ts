import { describe, expect, it } from '@jest/globals';
import {
  AccessRefusedError,
  ChannelClosedError,
  NotFoundError,
  PreconditionFailedError,
  ResourceLockedError,
  type Channel,
  type Delivery,
} from '../../lib/client/index.js';
import { errorOf, eventOf, eventually, useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';

describe('A4 restore after a channel error', () => {
  const harness = useClientHarness();

  /** Calls for which the broker closes a channel. */
  const faults: Record<
    number,
    { type: new (...args: never[]) => Error; cause: (channel: Channel) => Promise<unknown> }
  > = {
    403: { type: AccessRefusedError, cause: (channel) => channel.queueDeclare('amq.not-yours') },
    404: { type: NotFoundError, cause: (channel) => channel.queueDeclare('not.there', { passive: true }) },
    405: {
      type: ResourceLockedError,
      cause: async (channel) => {
        const other = await (await harness.connect()).openChannel();
        const queue = harness.name();
        await other.queueDeclare(queue, { exclusive: true });
        await channel.queueDeclare(queue, { passive: true });
      },
    },
    406: { type: PreconditionFailedError, cause: (channel) => channel.exchangeDeclare('amq.direct', 'topic') },
  };

  it.each([403, 404, 405, 406])(
    'A4 %i: the call rejects with a typed error; QoS, confirms and consumers are restored; other channels are not affected',
    async (code) => {
      const { type, cause } = faults[code]!;
      const connection = await harness.connect();
      const sibling = await connection.openChannel({ confirm: true });
      const siblingLost = new Inbox<unknown>();
      sibling.on('lost', siblingLost.add);
      const queue = harness.name();
      await sibling.queueDeclare(queue, { durable: false });
      const channel = await connection.openChannel({ confirm: true, prefetch: 2 });
      const inbox = new Inbox<Delivery>();
      const consumer = await channel.basicConsume(queue, inbox.add);
      const tag = consumer.consumerTag;
      for (let n = 0; n < 4; n++) await sibling.publish('', queue, `before ${n}`);
      const before = await inbox.take(2);

      const lost = eventOf(channel, 'lost');
      const restored = eventOf(channel, 'restored');
      const siblingPublishes = Array.from({ length: 50 }, (_, n) => sibling.publish('', queue, `during ${n}`));
      const error = await errorOf(cause(channel));
      expect(error).toBeInstanceOf(type);
      expect(error).toMatchObject({ replyCode: code, scope: 'channel' });
      expect((await lost)[0]).toBe(error);
      await restored;
      expect(await Promise.all(siblingPublishes)).toHaveLength(50);

      // The same consumer object continues, with two unacknowledged deliveries at most.
      expect(channel.isOpen).toBe(true);
      expect(consumer.active).toBe(true);
      expect(consumer.consumerTag).toBe(tag);
      const after = await inbox.take(2);
      await sibling.queueDeclare(queue, { passive: true }); // after a round trip a third delivery would have arrived
      expect(inbox.all).toHaveLength(4);
      // The deliveries from before the loss were requeued; settling them has no effect.
      for (const delivery of before) delivery.ack();
      expect(after.every(({ redelivered }) => redelivered)).toBe(true);
      // Confirm mode is restored, and counts from one.
      expect(await channel.publish('', queue, 'confirmed')).toBe(1);
      for (const delivery of after) delivery.ack();
      const rest = await inbox.take(2);
      for (const delivery of rest) delivery.ack();
      for (let got = 4; got < 4 + 50 + 1; got++) (await inbox.next()).ack();
      expect(new Set(inbox.all.map((delivery) => delivery.text())).size).toBe(4 + 50 + 1);
      expect(channel.isOpen).toBe(true);
      expect(siblingLost.all).toEqual([]);
    },
  );

  it('A4 all pending calls, publishes and waits are settled at once, publishes with their outcome', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel({ confirm: true, maxUnconfirmed: 3 });
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    proxy.stall('toServer');
    const guilty = errorOf(channel.queueDeclare('not.there', { passive: true }));
    const calls = [
      channel.queueDeclare(queue, { passive: true }),
      channel.basicGet(queue),
      channel.basicConsume(queue, () => undefined),
      channel.basicQos(5),
    ].map((call) => errorOf<ChannelClosedError>(call));
    const sent = [1, 2, 3].map((n) => channel.publish('', queue, `sent ${n}`));
    const waiting = channel.publish('', queue, 'waits its turn');
    const confirms = channel.waitForConfirms();
    const restored = eventOf(channel, 'restored');
    proxy.resume();
    const cause = await guilty;
    expect(cause).toBeInstanceOf(NotFoundError);
    for (const error of await Promise.all(calls)) {
      expect(error).toBeInstanceOf(ChannelClosedError);
      expect(error).toMatchObject({ outcome: 'unknown', replyCode: 404, cause });
    }
    await restored;
    // RabbitMQ drops methods for a channel that it has closed, so it did not take the three publishes behind the call. These and
    // the unsent ones are sent once, after the restore.
    expect(await Promise.all([...sent, waiting])).toEqual([1, 2, 3, 4]);
    await confirms;
    expect((await channel.queueDeclare(queue, { passive: true })).messageCount).toBe(4);
    // A QoS that was refused is not repeated.
    const inbox = new Inbox<Delivery>();
    await channel.basicConsume(queue, inbox.add, { noAck: true });
    for (let n = 0; n < 10; n++) await channel.publish('', queue, `${n}`);
    await inbox.take(14);
  });

  it('A4 a publish to an unknown exchange fails with that error, later publishes arrive', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel({ confirm: true });
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    proxy.stall('toServer');
    const wrong = errorOf(channel.publish('not.there', 'k', 'x'));
    const neighbour = channel.publish('', queue, 'y');
    proxy.resume();
    expect(await wrong).toBeInstanceOf(NotFoundError);
    expect(await wrong).toMatchObject({ method: 'basic.publish' });
    expect(await neighbour).toBe(1);
    expect(await channel.publish('', queue, 'z')).toBe(2);
  });

  it('A4 with republishUnconfirmed the other publishes are sent again, the refused one is not', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel({ confirm: true, republishUnconfirmed: true });
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    proxy.stall('toServer');
    const wrong = errorOf(channel.publish('not.there', 'k', 'x'));
    const neighbours = [channel.publish('', queue, 'a'), channel.publish('', queue, 'b')];
    proxy.resume();
    expect(await wrong).toBeInstanceOf(NotFoundError);
    await Promise.all(neighbours);
    expect((await channel.basicGet(queue, { noAck: true }))!.text()).toBe('a');
    expect((await channel.basicGet(queue, { noAck: true }))!.text()).toBe('b');
  });

  it('A4 the prefetch of a consumer and of the channel are restored too', async () => {
    const connection = await harness.connect();
    const channel = await connection.openChannel({ confirm: true });
    const publisher = await connection.openChannel({ confirm: true });
    const queues = [harness.name(), harness.name()];
    for (const queue of queues) await publisher.queueDeclare(queue, { exclusive: true });
    await channel.basicQos(5);
    const inboxes = [new Inbox<Delivery>(), new Inbox<Delivery>()];
    await channel.basicConsume(queues[0]!, inboxes[0]!.add, { prefetch: 1 });
    await channel.basicConsume(queues[1]!, inboxes[1]!.add);
    const restored = eventOf(channel, 'restored');
    await errorOf(channel.queueDeclare('not.there', { passive: true }));
    await restored;
    for (let n = 0; n < 8; n++) for (const queue of queues) await publisher.publish('', queue, `${n}`);
    await inboxes[0]!.take(1);
    await inboxes[1]!.take(5);
    await channel.queueDeclare(queues[0]!, { passive: true });
    expect(inboxes.map(({ all }) => all.length)).toEqual([1, 5]);
  });

  it('A4 an auto-delete queue that was deleted with its channel is restored with its bindings, also under a server-given name', async () => {
    const connection = await harness.connect();
    const channel = await connection.openChannel();
    const publisher = await connection.openChannel({ confirm: true });
    const exchange = harness.name('x');
    await publisher.exchangeDeclare(exchange, 'fanout', { durable: false });
    const named = harness.name();
    const { queue: serverNamed } = await channel.queueDeclare('', { autoDelete: true, durable: false });
    await channel.queueDeclare(named, { autoDelete: true, durable: false });
    const inbox = new Inbox<Delivery>();
    for (const queue of [named, serverNamed]) {
      await channel.queueBind(queue, exchange);
      await channel.basicConsume(queue, inbox.add, { noAck: true });
    }
    const restored = eventOf(channel, 'restored');
    await errorOf(channel.queueDeclare('not.there', { passive: true }));
    await restored;
    await publisher.publish(exchange, '', 'hello', { mandatory: true });
    expect((await inbox.take(2)).map((delivery) => delivery.text())).toEqual(['hello', 'hello']);
  });

  it('A4 restore: false: the channel closes with the error, and later calls reject with it', async () => {
    const connection = await harness.connect();
    const channel = await connection.openChannel({ restore: false, confirm: true });
    const consumerOf = harness.name();
    await channel.queueDeclare(consumerOf, { exclusive: true });
    const consumer = await channel.basicConsume(consumerOf, () => undefined);
    const error = await errorOf(channel.queueDeclare('not.there', { passive: true }));
    expect(await channel.closed).toBe(error);
    expect(await consumer.closed).toBe(error);
    expect(await errorOf(channel.publish('', consumerOf, 'x'))).toMatchObject({
      name: 'ChannelClosedError',
      outcome: 'not-sent',
    });
    expect(await errorOf(channel.basicQos(1))).toBeInstanceOf(ChannelClosedError);
    expect(connection.state).toBe('open');
    // The number can be used again.
    expect((await connection.openChannel()).id).toBe(channel.id);
  });

  it('A4 attempts are limited: a channel that the broker keeps closing ends with the error', async () => {
    let opened = 0;
    const server = await harness.server(async (peer) => {
      await peer.handshake();
      await peer.acceptChannel();
      peer.agreeToClose();
      const close = { replyCode: 406, replyText: 'PRECONDITION_FAILED - again', classId: 0, methodId: 0 };
      await peer.expect('basic.qos');
      for (peer.send(1, 'channel.close', close); ; opened++) {
        await peer.expect('channel.closeOk');
        if (opened === 4) return;
        await peer.expect('channel.open');
        peer.send(1, 'channel.close', close);
      }
    });
    const connection = await harness.connect({ urls: server.url });
    const channel = await connection.openChannel({ restoreAttempts: 3 });
    expect(await errorOf(channel.basicQos(1))).toBeInstanceOf(ChannelClosedError);
    expect(await channel.closed).toMatchObject({ scope: 'channel', replyCode: 406 });
    expect(opened).toBe(4); // at once, then three times by itself
    expect(connection.state).toBe('open');
  });

  it('A4 a channel that the broker closes in the same write as open-ok never counts as open', async () => {
    const server = await harness.server(async (peer) => {
      await peer.handshake();
      peer.agreeToClose();
      const close = { replyCode: 406, replyText: 'PRECONDITION_FAILED - at once', classId: 0, methodId: 0 };
      const channel = await peer.acceptChannel();
      peer.send(channel, 'channel.close', close);
      // A second channel is lost and closed as it is restored.
      await peer.acceptChannel();
      await peer.expect('basic.qos');
      peer.send(channel, 'channel.close', close);
      await peer.acceptChannel();
      peer.send(channel, 'channel.close', close);
      await peer.acceptChannel();
      // The restore sets the prefetch, and the call sets it once more.
      for (let asked = 0; asked < 2; asked++) {
        await peer.expect('basic.qos');
        peer.send(channel, 'basic.qosOk', {});
      }
    });
    const connection = await harness.connect({ urls: server.url });
    expect(await errorOf(connection.openChannel())).toBeInstanceOf(PreconditionFailedError);
    const channel = await connection.openChannel();
    await errorOf(channel.basicQos(1));
    await channel.basicQos(1);
  });

  it('A4 a consumer that the broker refuses during the restore ends; the others continue', async () => {
    const connection = await harness.connect();
    const channel = await connection.openChannel({ confirm: true });
    const admin = await (await harness.connect()).openChannel();
    const [gone, stays] = [harness.name(), harness.name()];
    // The queue was declared on another connection, so this one does not declare it.
    await admin.queueDeclare(gone, { durable: false });
    await channel.queueDeclare(stays, { durable: false });
    const inbox = new Inbox<Delivery>();
    const first = await channel.basicConsume(gone, () => undefined, { onCancel: () => undefined });
    const second = await channel.basicConsume(stays, inbox.add, { noAck: true });
    const cancelled = eventOf(channel, 'consumerCancelled');
    const restored = eventOf(channel, 'restored');
    // The broker closes the channel before it receives the deletion.
    const error = errorOf(channel.queueDeclare('not.there', { passive: true }));
    const deletion = admin.queueDelete(gone);
    await Promise.all([error, deletion]);
    await restored;
    if (first.active) await eventually(() => first.ended);
    else await cancelled;
    expect(first.ended).toBe(true);
    await channel.publish('', stays, 'still here');
    expect((await inbox.next()).text()).toBe('still here');
    expect(second.active).toBe(true);
  });

  it('A4 a channel closed during its restore stays closed, and the connection is not affected', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel({ confirm: true, prefetch: 3 });
    const lost = eventOf(channel, 'lost');
    void channel.queueDeclare('not.there', { passive: true }).catch(() => undefined);
    await lost;
    proxy.stall('toClient');
    const waiting = errorOf(channel.queueDeclare('x', { passive: true }));
    await channel.close();
    expect(await waiting).toBeInstanceOf(ChannelClosedError);
    proxy.resume();
    // Channels of both numbers work: the number was released only after the broker's answer.
    for (const next of [
      await connection.openChannel({ confirm: true }),
      await connection.openChannel({ confirm: true }),
    ]) {
      const queue = harness.name();
      await next.queueDeclare(queue, { exclusive: true });
      expect(await next.publish('', queue, 'x')).toBe(1);
    }
    expect(connection.state).toBe('open');
  });
});
