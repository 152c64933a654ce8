import { describe, expect, it } from '@jest/globals';
import {
  ChannelClosedError,
  ConnectionLostError,
  MessageReturnedError,
  PublishNackedError,
  PublishRefusedError,
  PublishTimeoutError,
  type Channel,
  type Delivery,
  type ReturnedMessage,
} from '../../lib/client/index.js';
import { errorOf, eventOf, useClientHarness } from './support/client-harness.js';
import { ManualClock } from './support/manual-clock.js';
import { unchecked } from './support/unchecked.js';
import { Inbox } from '../support/inbox.js';
import type { Peer } from './support/scripted-server.js';

const NEVER = { initialDelay: 3_600_000, maxDelay: 3_600_000 };
const COUNT = 200;

/** Answers the opening of a channel with confirms. */
async function acceptConfirming(peer: Peer): Promise<number> {
  const channel = await peer.acceptChannel();
  await peer.expect('confirm.select');
  peer.send(channel, 'confirm.selectOk', {});
  return channel;
}

/** Returns the routing keys of the next publishes. */
async function published(peer: Peer, count: number): Promise<string[]> {
  const keys: string[] = [];
  while (keys.length < count) keys.push((await peer.expect('basic.publish')).args.routingKey);
  return keys;
}

function refuse(peer: Peer, channel: number, replyText: string): void {
  peer.send(channel, 'channel.close', { replyCode: 404, replyText, classId: 60, methodId: 40 });
}

describe('K5 the reported outcome is the real one', () => {
  const harness = useClientHarness();

  /** Opens a channel that republishes, with one publish that has arrived and is not confirmed. */
  async function unconfirmed(options: object, channelOptions: object = {}, publishOptions: object = {}) {
    const { connection, proxy } = await harness.connectThroughProxy(options);
    const channel = await connection.openChannel({ confirm: true, republishUnconfirmed: true, ...channelOptions });
    const queue = harness.name();
    await channel.queueDeclare(queue);
    const inbox = new Inbox<Delivery>();
    await (await (await harness.connect()).openChannel()).basicConsume(queue, inbox.add, { noAck: true });
    proxy.stall('toClient');
    const publish = errorOf<ConnectionLostError>(channel.publish('', queue, 'x', publishOptions));
    await inbox.next();
    return { connection, proxy, channel, publish, queue };
  }

  it('K5.1 republishUnconfirmed without a reconnect: rejects with the loss, outcome unknown', async () => {
    const { proxy, publish } = await unconfirmed({ reconnect: false });
    proxy.cut();
    const error = await publish;
    expect(error).toBeInstanceOf(ConnectionLostError);
    expect(error.outcome).toBe('unknown');
  });

  it('K5.1 rejects likewise on close() while the connection is lost', async () => {
    const { connection, proxy, publish } = await unconfirmed({ reconnect: NEVER });
    const lost = eventOf(connection, 'disconnected');
    proxy.cut();
    await lost;
    await connection.close();
    expect(await publish).toMatchObject({ name: 'ConnectionLostError', outcome: 'unknown' });
  });

  it('K5.1 rejects likewise when the attempts are used up', async () => {
    const { connection, proxy, publish } = await unconfirmed({ reconnect: { initialDelay: 1, attempts: 1 } });
    proxy.refuse();
    proxy.cut();
    await connection.closed;
    expect(await publish).toMatchObject({ name: 'ConnectionLostError', outcome: 'unknown' });
  });

  it('K5.2 a publish that was sent, lost, and not sent again by its deadline is unknown', async () => {
    const { proxy, publish } = await unconfirmed({ reconnect: NEVER }, {}, { timeout: 400 });
    proxy.cut();
    const error = await publish;
    expect(error).toBeInstanceOf(PublishTimeoutError);
    expect(error.outcome).toBe('unknown');
  });

  it("K5.2 'fail' refuses unsent waiting publishes, and not sent ones, at a second loss", async () => {
    let second!: Peer;
    const seen = new Inbox<string>();
    const server = await harness.server(async (peer, index) => {
      await peer.handshake();
      if (index === 1) {
        // The connection is restored, the channel is not: it is lost again before any publish was sent.
        second = peer;
        await peer.expect('channel.open');
        return seen.add('opening');
      }
      const channel = await acceptConfirming(peer);
      for (const key of await published(peer, 1)) seen.add(key);
      if (index === 0) return peer.socket.destroy();
      peer.send(channel, 'basic.ack', { deliveryTag: 1, multiple: false });
      await peer.sayGoodbye();
    });
    const connection = await harness.connect({ urls: server.url });
    const options = { confirm: true, republishUnconfirmed: true, whenUnavailable: 'fail' } as const;
    const channel = await connection.openChannel(options);
    const publish = channel.publish('', 'sent', 'x');
    await seen.take(2);
    second.socket.destroy();
    expect(await publish).toBe(1);
    expect(seen.all).toEqual(['sent', 'opening', 'sent']);
  });

  it('K5.2 a republished message that is nacked or returned may have arrived the first time', async () => {
    const server = await harness.server(async (peer, index) => {
      await peer.handshake();
      const channel = await acceptConfirming(peer);
      await published(peer, 3);
      if (index === 0) return peer.socket.destroy();
      const args = { replyCode: 312, replyText: 'NO_ROUTE', exchange: '', routingKey: 'returned' };
      // The first publish is acked, so a later refusal on the same route is not caused by the channel.
      peer.send(channel, 'basic.ack', { deliveryTag: 1, multiple: false });
      peer.send(channel, 'basic.nack', { deliveryTag: 2, multiple: false, requeue: false });
      peer.content(channel, 'basic.return', args, {}, Buffer.from('x'));
      peer.send(channel, 'basic.ack', { deliveryTag: 3, multiple: false });
      await published(peer, 1);
      peer.send(channel, 'basic.nack', { deliveryTag: 4, multiple: false, requeue: false });
      await peer.sayGoodbye();
    });
    const connection = await harness.connect({ urls: server.url });
    const channel = await connection.openChannel({ confirm: true, republishUnconfirmed: true });
    const taken = channel.publish('', 'k', 'x');
    const nacked = errorOf<PublishNackedError>(channel.publish('', 'k', 'x'));
    const returned = errorOf<MessageReturnedError>(channel.publish('', 'returned', 'x', { mandatory: true }));
    expect(await taken).toBe(1);
    expect(await nacked).toMatchObject({ name: 'PublishNackedError', outcome: 'unknown' });
    expect(await returned).toMatchObject({ name: 'MessageReturnedError', outcome: 'unknown' });
    const once = await errorOf<PublishNackedError>(channel.publish('', 'k', 'x'));
    expect(once).toBeInstanceOf(PublishNackedError);
    expect(once.outcome).toBeUndefined();
  });

  it.each([{}, { messageId: 'id' }])('K5.3 a returned message over maxMessageSize rejects (%p)', async (properties) => {
    const channel = await (await harness.connect({ maxMessageSize: 1_000 })).openChannel({ confirm: true });
    const other = channel.publish('amq.direct', 'nobody', Buffer.alloc(4_999), { mandatory: true });
    const large = channel.publish('amq.direct', 'nobody', Buffer.alloc(5_000), { mandatory: true, ...properties });
    for (const [publish, bodySize] of [
      [other, 4_999],
      [large, 5_000],
    ] as const) {
      const error = await errorOf<MessageReturnedError>(publish);
      expect(error).toBeInstanceOf(MessageReturnedError);
      expect(error.returned).toMatchObject({ replyCode: 312, routingKey: 'nobody', bodySize });
      expect(error.returned.body.length).toBe(0);
    }
    await channel.publish('', harness.name(), 'the channel lives');
  });

  it('K5.3 a return without a waiting promise is an event', async () => {
    const channel = await (await harness.connect({ maxMessageSize: 1_000 })).openChannel();
    const returned = eventOf<[ReturnedMessage]>(channel, 'return');
    await channel.publish('amq.direct', 'nobody', Buffer.alloc(5_000), { mandatory: true, type: 'large' });
    const [message] = await returned;
    expect(message).toMatchObject({ bodySize: 5_000, properties: { type: 'large' } });
  });

  /** Returns the messages of a queue in order. */
  async function contents(channel: Channel, queue: string): Promise<number[]> {
    const found: number[] = [];
    for (;;) {
      const delivery = await channel.basicGet(queue, { noAck: true });
      if (!delivery) return found;
      found.push(Number(delivery.text()));
    }
  }

  it.each([
    ['first', 0],
    ['in the middle', 100],
    ['last', COUNT - 1],
  ])('K5.4 200 in flight, one to a missing exchange, %s: later ones arrive once and in order', async (_, at) => {
    const connection = await harness.connect();
    const channel = await connection.openChannel({ confirm: true });
    const queue = harness.name();
    await channel.queueDeclare(queue);
    const missing = harness.name('x');
    const outcomes = await Promise.allSettled(
      Array.from({ length: COUNT }, (_, n) =>
        channel.publish(n === at ? missing : '', queue, `${n}`, { deliveryMode: 2 }),
      ),
    );
    const arrived = await contents(channel, queue);
    expect(outcomes[at]).toMatchObject({ status: 'rejected', reason: { name: 'NotFoundError' } });
    expect(arrived.filter((n) => n > at)).toEqual(Array.from({ length: COUNT - 1 - at }, (_, n) => at + 1 + n));
    outcomes.forEach((outcome, n) => {
      if (n === at) return;
      if (outcome.status === 'fulfilled') expect(arrived.filter((other) => other === n)).toEqual([n]);
      else {
        expect(n).toBeLessThan(at);
        expect(outcome.reason).toMatchObject({ name: 'ChannelClosedError', outcome: 'unknown' });
      }
    });
    expect(new Set(arrived).size).toBe(arrived.length);
  });

  it('K5.4 publishes after a call that closes the channel arrive once and in order', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const queue = harness.name();
    await channel.queueDeclare(queue);
    const call = errorOf(channel.queueDeclare(harness.name(), { passive: true }));
    const publishes = Array.from({ length: 50 }, (_, n) => channel.publish('', queue, `${n}`));
    expect(await call).toMatchObject({ name: 'NotFoundError' });
    await Promise.all(publishes);
    expect(await contents(channel, queue)).toEqual(Array.from({ length: 50 }, (_, n) => n));
  });

  it('K5.4 without a restore, publishes after such a call are not-sent', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true, restore: false });
    const guilty = errorOf(channel.publish(harness.name('x'), 'k', 'x'));
    const behind = errorOf<ChannelClosedError>(channel.publish('', harness.name(), 'x'));
    expect(await guilty).toMatchObject({ name: 'NotFoundError' });
    expect(await behind).toMatchObject({ name: 'ChannelClosedError', outcome: 'not-sent', cause: { replyCode: 404 } });
  });

  /** Scripts one channel that is closed with this text after `before` publishes, then records the publishes on the next one. */
  async function closedWith(text: string, before: number, acked: number, comes: number) {
    const seen = new Inbox<string[]>();
    const server = await harness.server(async (peer) => {
      await peer.handshake();
      const channel = await acceptConfirming(peer);
      for (let tag = 1; tag <= before; tag++) {
        await peer.expect('basic.publish');
        if (tag <= acked) peer.send(channel, 'basic.ack', { deliveryTag: tag, multiple: false });
      }
      refuse(peer, channel, text);
      await peer.expect('channel.closeOk');
      await acceptConfirming(peer);
      seen.add(await published(peer, comes));
      peer.send(channel, 'basic.ack', { deliveryTag: comes, multiple: true });
      await peer.sayGoodbye();
    });
    const connection = await harness.connect({ urls: server.url });
    return { connection, seen };
  }

  const OUTCOMES = { unknown: { outcome: 'unknown' }, guilty: { name: 'NotFoundError' } };

  it('K5.4 several to an exchange that never existed: nothing from the first one on has arrived', async () => {
    const { connection, seen } = await closedWith("NOT_FOUND - no exchange 'x' in vhost '/'", 5, 0, 2);
    const channel = await connection.openChannel({ confirm: true });
    const publishes = [['', 'a'], ['x', 'b'], ['', 'c'], ['x', 'd'], ['', 'e']].map(([exchange, key]) =>
      channel.publish(exchange!, key!, ''),
    ); // prettier-ignore
    expect(await errorOf(publishes[0]!)).toMatchObject(OUTCOMES.unknown);
    expect(await errorOf(publishes[1]!)).toMatchObject(OUTCOMES.guilty);
    expect(await errorOf(publishes[3]!)).toMatchObject(OUTCOMES.guilty);
    expect(await Promise.all([publishes[2], publishes[4]])).toEqual([1, 2]);
    expect(seen.all).toEqual([['c', 'e']]);
  });

  it('K5.4 several to an exchange that was deleted: all up to the last one are unknown', async () => {
    const { connection, seen } = await closedWith("NOT_FOUND - no exchange 'x' in vhost '/'", 5, 1, 1);
    const channel = await connection.openChannel({ confirm: true });
    expect(await channel.publish('x', 'was there', '')).toBe(1);
    const publishes = [['x', 'b'], ['', 'c'], ['x', 'd'], ['', 'e']].map(([exchange, key]) =>
      channel.publish(exchange!, key!, ''),
    ); // prettier-ignore
    expect(await errorOf(publishes[0]!)).toMatchObject(OUTCOMES.unknown);
    expect(await errorOf(publishes[1]!)).toMatchObject(OUTCOMES.unknown);
    expect(await errorOf(publishes[2]!)).toMatchObject(OUTCOMES.guilty);
    expect(await publishes[3]).toBe(1);
    expect(seen.all).toEqual([['e']]);
  });

  it.each([
    ["access to exchange 'x' in vhost '/' refused for user 'u'", 'x', 'k', {}],
    ["access to topic 'k' in exchange 'x' in vhost '/' refused for user 'u'", 'x', 'k', {}],
    ["user_id property set to 'me' but authenticated user was 'you'", '', 'k', { userId: 'me' }],
    ["invalid expiration 'soon': {parse_error,...}", '', 'k', { expiration: 'soon' }],
    ['message size 4 is larger than configured max size 3', '', 'k', {}],
  ])('K5.4 the broker’s error text identifies the refused publish: %s', async (text, exchange, key, properties) => {
    const { connection, seen } = await closedWith(text, 3, 0, 1);
    const channel = await connection.openChannel({ confirm: true });
    const before = errorOf(channel.publish(text.startsWith('access to topic') ? 'x' : '', 'before', ''));
    const guilty = errorOf(channel.publish(exchange, key, 'four', unchecked(properties)));
    const behind = channel.publish('', 'behind', '');
    expect(await before).toMatchObject(OUTCOMES.unknown);
    expect(await guilty).toMatchObject(OUTCOMES.guilty);
    expect(await behind).toBe(1);
    expect(seen.all).toEqual([['behind']]);
  });

  it('K5.4 an error text that names no publish: all are unknown, and with republishUnconfirmed none is sent again', async () => {
    const { connection, seen } = await closedWith('PRECONDITION_FAILED - for a reason', 3, 0, 1);
    const channel = await connection.openChannel({ confirm: true, republishUnconfirmed: true });
    const publishes = ['a', 'b', 'c'].map((key) => errorOf(channel.publish('', key, '')));
    for (const publish of publishes) expect(await publish).toMatchObject(OUTCOMES.unknown);
    await channel.publish('', 'later', '');
    expect(seen.all).toEqual([['later']]);
  });

  it('K5.4 later publishes keep their deadline: not-sent when the channel is not restored in time', async () => {
    const server = await harness.server(async (peer) => {
      await peer.handshake();
      const channel = await acceptConfirming(peer);
      await published(peer, 2);
      refuse(peer, channel, "NOT_FOUND - no exchange 'x' in vhost '/'");
      await peer.expect('channel.open');
      await peer.sayGoodbye();
    });
    const connection = await harness.connect({ urls: server.url });
    const channel = await connection.openChannel({ confirm: true });
    const guilty = errorOf(channel.publish('x', 'k', ''));
    const behind = errorOf<PublishTimeoutError>(channel.publish('', 'k', '', { timeout: 200 }));
    expect(await guilty).toMatchObject(OUTCOMES.guilty);
    expect(await behind).toMatchObject({ name: 'PublishTimeoutError', outcome: 'not-sent' });
  });

  it('a returned message is matched to the mandatory one of two equal publishes', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const plain = channel.publish('amq.direct', 'nobody', 'same');
    const mandatory = errorOf(channel.publish('amq.direct', 'nobody', 'same', { mandatory: true }));
    expect(await mandatory).toBeInstanceOf(MessageReturnedError);
    expect(await plain).toBe(1);
  });

  it('a return of a message that was published before confirms does not reject an equal later one', async () => {
    const channel = await (await harness.connect()).openChannel();
    const [queue, returned] = [harness.name(), new Inbox<ReturnedMessage>()];
    channel.on('return', returned.add);
    // All publishes are in one write: the return arrives while the other one is under way.
    void channel.publish('', queue, 'equal', { mandatory: true });
    const declared = channel.queueDeclare(queue, { exclusive: true });
    const selected = channel.confirmSelect();
    expect(await channel.publish('', queue, 'equal', { mandatory: true })).toBe(1);
    await Promise.all([declared, selected]);
    expect(returned.all).toMatchObject([{ routingKey: queue }]);
  });
});

describe('K6.2 the memory of a channel is bounded', () => {
  const harness = useClientHarness();

  /** Opens a connection to a broker that confirms only on demand. */
  async function silent(options: object, clock?: ManualClock) {
    const seen = new Inbox<string>();
    let confirm!: (deliveryTag: number) => void;
    const server = await harness.server(async (peer) => {
      await peer.handshake();
      const channel = await acceptConfirming(peer);
      confirm = (deliveryTag) => peer.send(channel, 'basic.ack', { deliveryTag, multiple: false });
      peer.agreeToClose();
      for (;;) {
        const next = await Promise.race([peer.expect('basic.publish').catch(() => undefined), peer.closed]);
        if (typeof next !== 'object' || next === null) return;
        seen.add((next as { args: { routingKey: string } }).args.routingKey);
      }
    });
    const connection = await harness.connect({ urls: server.url, ...(clock && { clock }) });
    const channel = await connection.openChannel({ confirm: true, ...options });
    return { connection, channel, seen, confirm: (tag: number): void => confirm(tag) };
  }

  /** Resolves when all frames have arrived: a call is answered, or refused, after them. */
  const settled = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
  };

  it('K6.2 bytes that are unconfirmed: publishes beyond maxUnconfirmedBytes wait for confirms', async () => {
    const { channel, seen, confirm } = await silent({ maxUnconfirmedBytes: 3_000 });
    const publishes = Array.from({ length: 6 }, (_, n) => channel.publish('', `${n}`, Buffer.alloc(1_000)));
    expect(await seen.take(3)).toEqual(['0', '1', '2']);
    await settled();
    expect(seen.waiting).toBe(0);
    confirm(2);
    expect(await publishes[1]).toBe(2);
    expect(await seen.take(1)).toEqual(['3']);
    await settled();
    expect(seen.waiting).toBe(0);
    for (const tag of [1, 3, 4]) confirm(tag);
    expect(await seen.take(2)).toEqual(['4', '5']);
    for (const tag of [5, 6]) confirm(tag);
    await Promise.all(publishes);
    // A message larger than the bound is sent alone.
    const small = channel.publish('', 'small', Buffer.alloc(1));
    const large = channel.publish('', 'large', Buffer.alloc(10_000));
    expect(await seen.take(1)).toEqual(['small']);
    await settled();
    expect(seen.waiting).toBe(0);
    confirm(7);
    expect(await small).toBe(7);
    expect(await seen.take(1)).toEqual(['large']);
    confirm(8);
    expect(await large).toBe(8);
  });

  it('K6.2 a publish behind a large one that waits times out with the reason why that one waits', async () => {
    const clock = new ManualClock();
    const { channel, confirm } = await silent({ maxUnconfirmedBytes: 100 }, clock);
    const sent = channel.publish('', 'sent', Buffer.alloc(20));
    const large = errorOf(channel.publish('', 'large', Buffer.alloc(4_000), { timeout: 30 }));
    const early = errorOf(channel.publish('', 'early', Buffer.alloc(20), { timeout: 10 }));
    const late = errorOf(channel.publish('', 'late', Buffer.alloc(20), { timeout: 30 }));
    clock.advance(30);
    for (const timedOut of [early, large, late]) {
      const message = 'not published within the deadline: 1 messages of 20 bytes are unconfirmed';
      expect(await timedOut).toMatchObject({ name: 'PublishTimeoutError', outcome: 'not-sent', message });
    }
    confirm(1);
    expect(await sent).toBe(1);
  });

  it('K6.2 when a large publish that waits is aborted, those behind it are sent at once', async () => {
    const { channel, seen, confirm } = await silent({ maxUnconfirmedBytes: 100 });
    const sent = channel.publish('', 'sent', Buffer.alloc(20));
    const abort = new AbortController();
    const large = errorOf(channel.publish('', 'large', Buffer.alloc(4_000), { signal: abort.signal }));
    const small = channel.publish('', 'small', Buffer.alloc(20));
    expect(await seen.take(1)).toEqual(['sent']);
    abort.abort(new Error('enough'));
    const smaller = channel.publish('', 'smaller', Buffer.alloc(10));
    expect((await large).message).toBe('enough');
    // Before any confirm.
    expect(await seen.take(2)).toEqual(['small', 'smaller']);
    for (const tag of [1, 2, 3]) confirm(tag);
    expect(await Promise.all([sent, small, smaller])).toEqual([1, 2, 3]);
  });

  it('K6.2 maxUnconfirmedBytes is a number of at least 1', async () => {
    const connection = await harness.connect();
    for (const maxUnconfirmedBytes of [0, -1, Number.NaN]) {
      expect((await errorOf(connection.openChannel({ maxUnconfirmedBytes }))).name).toBe('ConfigurationError');
    }
  });

  it('a missing confirm of the broker finally holds new publishes back: the ring is bounded', async () => {
    const { channel, seen, confirm } = await silent({ maxUnconfirmed: 2 });
    const forgotten = channel.publish('', '1', '');
    let last: Promise<number> | undefined;
    for (let tag = 2; tag <= 17; tag++) {
      last = channel.publish('', `${tag}`, '');
      if (tag === 17) break;
      confirm(tag);
      await last;
    }
    await settled();
    expect(seen.all).toHaveLength(16);
    confirm(1);
    await forgotten;
    await seen.take(17);
    confirm(17);
    expect(await last).toBe(17);
  });

  it('rounds of publishes that wait do not use up maxWaitingBytes', async () => {
    const { channel, confirm } = await silent({ maxUnconfirmed: 1, maxWaitingBytes: 100 });
    for (let round = 0; round < 5; round++) {
      const publishes = [1, 2].map(() => channel.publish('', 'k', Buffer.alloc(80)));
      for (const [index, publish] of publishes.entries()) {
        confirm(2 * round + index + 1);
        await publish;
      }
    }
  });

  it("whenUnavailable: 'fail' refuses waiting publishes when the connection is lost", async () => {
    const { connection, proxy } = await harness.connectThroughProxy({ reconnect: NEVER });
    const channel = await connection.openChannel({ confirm: true, maxUnconfirmed: 1, whenUnavailable: 'fail' });
    proxy.stall('toClient');
    const sent = errorOf<ConnectionLostError>(channel.publish('', harness.name(), 'sent'));
    const waiting = errorOf<PublishRefusedError>(channel.publish('', harness.name(), 'waits'));
    proxy.cut();
    expect((await sent).outcome).toBe('unknown');
    expect(await waiting).toBeInstanceOf(PublishRefusedError);
  });
});
