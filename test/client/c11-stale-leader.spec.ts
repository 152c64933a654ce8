import { describe, expect, it } from '@jest/globals';
import {
  ChannelClosedError,
  PublishNackedError,
  type ConnectionLostError,
  type Channel,
  type ChannelOptions,
  type Connection,
  type ConnectionOptions,
} from '../../lib/client/index.js';
import { systemClock, type Clock } from '../../lib/environment/index.js';
import { errorOf, eventOf, eventually, useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';
import { ManualClock } from './support/manual-clock.js';
import type { Peer } from './support/scripted-server.js';

type Answer = 'ack' | 'nack' | 'nothing' | 'channel.close';

/** A publish as the server receives it. `generation` counts the opened channels, from 1. */
interface Published {
  readonly generation: number;
  readonly channel: number;
  readonly tag: number;
  readonly routingKey: string;
}

/** A server that answers every method, and publishes as the test says. */
class Broker {
  readonly published: Published[] = [];
  /** The numbers of the opened channels, and of those that the client closed. */
  readonly opened: number[] = [];
  readonly closed: number[] = [];
  readonly consumers: number[] = [];
  /** True if the server answers channel.close. */
  closes = true;
  peer: Peer | undefined;

  constructor(private readonly answer: (publish: Published) => Answer) {}

  readonly script = async (peer: Peer): Promise<void> => {
    this.peer = peer;
    await peer.handshake();
    let over = false;
    void peer.closed.then(() => (over = true));
    const tags = new Map<number, number>();
    for (;;) {
      const frame = await peer
        .next(({ kind }) => kind === 'method')
        .catch((error: unknown) => {
          if (!over) throw error;
        });
      if (frame?.kind !== 'method') return;
      const { channel, method } = frame;
      switch (method.name) {
        case 'channel.open':
          this.opened.push(channel);
          tags.set(channel, 0);
          peer.send(channel, 'channel.openOk', {});
          break;
        case 'channel.close':
          this.closed.push(channel);
          if (this.closes) peer.send(channel, 'channel.closeOk', {});
          break;
        case 'confirm.select':
          peer.send(channel, 'confirm.selectOk', {});
          break;
        case 'basic.consume':
          this.consumers.push(channel);
          peer.send(channel, 'basic.consumeOk', { consumerTag: 'tag' });
          break;
        case 'basic.cancel':
          peer.send(channel, 'basic.cancelOk', { consumerTag: 'tag' });
          break;
        case 'connection.close':
          peer.send(0, 'connection.closeOk', {});
          peer.socket.end();
          break;
        case 'basic.publish': {
          const tag = tags.get(channel)! + 1;
          tags.set(channel, tag);
          const { routingKey } = method.args;
          const publish = { generation: this.opened.length, channel, tag, routingKey };
          this.published.push(publish);
          this.reply(publish, this.answer(publish));
          break;
        }
        default:
          break;
      }
    }
  };

  reply({ channel, tag }: Published, answer: Answer): void {
    if (answer === 'ack') this.peer!.send(channel, 'basic.ack', { deliveryTag: tag, multiple: false });
    if (answer === 'nack')
      this.peer!.send(channel, 'basic.nack', { deliveryTag: tag, multiple: false, requeue: false });
    if (answer !== 'channel.close') return;
    this.peer!.send(channel, 'channel.close', { replyCode: 406, replyText: 'no', classId: 60, methodId: 80 });
  }
}

/** Milliseconds of the first delay before a channel is opened anew after a refusal. */
const FIRST_DELAY = 50;

/** Milliseconds of the delay before a reconnect. */
const RECONNECT_DELAY = 100;

/** The clock runs two hundred times as fast. */
const FAST = 200;
const fastClock: Clock = {
  now: () => systemClock.now() * FAST,
  wallTime: () => systemClock.wallTime(),
  after: (delay, run) => systemClock.after(delay / FAST, run),
  afterPendingEvents: (run) => systemClock.afterPendingEvents(run),
};

describe('C11 a channel that was opened before a new leader was elected', () => {
  const harness = useClientHarness();

  /** Opens a channel in confirm mode on a scripted broker. */
  async function open(
    answer: (publish: Published) => Answer,
    options: ChannelOptions = {},
    more: ConnectionOptions = {},
  ): Promise<{ broker: Broker; connection: Connection; channel: Channel }> {
    const broker = new Broker(answer);
    const { url } = await harness.server(broker.script);
    const connection = await harness.connect({ urls: url, heartbeat: 0, ...more });
    return { broker, connection, channel: await connection.openChannel({ confirm: true, ...options }) };
  }

  const beforeElection = ({ generation }: Published): Answer => (generation === 1 ? 'nack' : 'ack');

  const slowBeforeElection = (publish: Published): Answer =>
    publish.generation === 1 && publish.routingKey === 'slow' ? 'nothing' : beforeElection(publish);

  it('C11 is opened anew under its number by the restore: later publishes are confirmed', async () => {
    const { broker, channel } = await open(beforeElection);
    const handled = new Inbox();
    await channel.basicConsume('q', (delivery) => handled.add(delivery));
    const lost = eventOf<[Error]>(channel, 'lost');
    const restored = eventOf(channel, 'restored');
    expect(await errorOf(channel.publish('', 'q', 'refused'))).toBeInstanceOf(PublishNackedError);
    const [reason] = await lost;
    expect(reason).toBeInstanceOf(ChannelClosedError);
    expect(reason.cause).toBeInstanceOf(PublishNackedError);
    await restored;
    expect(await channel.publish('', 'q', 'taken')).toBe(1);
    expect(broker).toMatchObject({ opened: [1, 1], closed: [1], consumers: [1, 1] });
  });

  it('C11 after a reconnect, too', async () => {
    let refuse = 0;
    const { broker, connection, channel } = await open(({ generation }) => (generation === refuse ? 'nack' : 'ack'));
    await channel.publish('', 'q', 'before');
    refuse = 2;
    broker.peer!.socket.destroy();
    await eventOf(connection, 'reconnected');
    expect(await errorOf(channel.publish('', 'q', 'refused'))).toBeInstanceOf(PublishNackedError);
    await eventOf(channel, 'restored');
    expect(await channel.publish('', 'q', 'taken')).toBe(1);
  });

  it('C11 with republishUnconfirmed refused publishes are sent again, before later ones', async () => {
    const { broker, channel } = await open(beforeElection, { republishUnconfirmed: true, maxUnconfirmed: 3 });
    const all = ['a', 'b', 'c', 'd', 'e'].map((text) => channel.publish('', 'q', text));
    await Promise.all(all);
    const again = broker.published.filter(({ generation }) => generation === 2);
    expect(again.map(({ tag }) => tag)).toEqual([1, 2, 3, 4, 5]);
    // The held publishes count as unconfirmed, so the others wait.
    expect(broker.published.length - again.length).toBe(3);
    const bodies = broker.peer!.frames.flatMap((frame) => (frame.kind === 'body' ? [String(frame.payload)] : []));
    expect(bodies.slice(-5)).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('C11 is not opened anew when the route of the refused publish has worked before', async () => {
    const clock = new ManualClock();
    const { broker, channel } = await open(({ tag }) => (tag % 2 === 1 ? 'ack' : 'nack'), {}, { clock });
    for (let round = 0; round < 3; round++) {
      await channel.publish('', 'full', 'fits');
      expect(await errorOf(channel.publish('', 'full', 'does not'))).toBeInstanceOf(PublishNackedError);
      clock.advance(10_000);
    }
    expect(broker).toMatchObject({ opened: [1], closed: [] });
  });

  it('C11 is opened anew although another route of the same channel works', async () => {
    const { channel } = await open(({ generation, routingKey }) =>
      generation === 1 && routingKey === 'stale' ? 'nack' : 'ack',
    );
    await channel.publish('', 'well', '');
    expect(await errorOf(channel.publish('', 'stale', ''))).toBeInstanceOf(PublishNackedError);
    await eventOf(channel, 'restored');
    await channel.publish('', 'stale', '');
  });

  it('C11 waits for the confirms of the publishes under way, and holds new ones until then', async () => {
    const clock = new ManualClock();
    const { broker, channel } = await open(slowBeforeElection, {}, { clock });
    const slow = channel.publish('', 'slow', '');
    await errorOf(channel.publish('', 'stale', ''));
    clock.advance(FIRST_DELAY);
    const later = channel.publish('', 'later', '');
    expect(channel.isOpen).toBe(false);
    expect(broker.closed).toEqual([]);
    broker.reply(broker.published[0]!, 'ack');
    expect(await slow).toBe(1);
    expect(await later).toBe(1);
    expect(broker.published.map(({ routingKey, generation }) => `${routingKey} ${generation}`)).toEqual([
      'slow 1',
      'stale 1',
      'later 2',
    ]);
  });

  it('C11 publishes that are not confirmed within a second are unknown', async () => {
    const clock = new ManualClock();
    const { channel } = await open(slowBeforeElection, {}, { clock });
    const hangs = errorOf<ChannelClosedError>(channel.publish('', 'slow', ''));
    await errorOf(channel.publish('', 'stale', ''));
    clock.advance(FIRST_DELAY + 1_000);
    const { outcome, cause } = await hangs;
    expect(outcome).toBe('unknown');
    expect(cause).toBeInstanceOf(PublishNackedError);
    await channel.publish('', 'slow', '');
  });

  it('C11 moves to another connection when the broker does not close it', async () => {
    const clock = new ManualClock();
    const { broker, connection, channel } = await open(beforeElection, {}, { clock });
    broker.closes = false;
    await errorOf(channel.publish('', 'q', 'refused'));
    clock.advance(FIRST_DELAY);
    const taken = channel.publish('', 'q', 'taken');
    await eventually(() => broker.closed.length === 1);
    clock.advance(4_999);
    expect(connection.state).toBe('open');
    const lost = eventOf<[ConnectionLostError]>(connection, 'disconnected');
    clock.advance(1);
    const [reason] = await lost;
    expect(reason.message).toContain('channel.close: no answer within 5000 ms');
    broker.closes = true;
    clock.advance(RECONNECT_DELAY);
    expect(await taken).toBe(1);
    expect(broker).toMatchObject({ opened: [1, 1], closed: [1] });
  });

  it('C11 close() affects no other channel when the broker does not answer', async () => {
    const clock = new ManualClock();
    const { broker, connection, channel } = await open(beforeElection, {}, { clock });
    broker.closes = false;
    await errorOf(channel.publish('', 'q', 'refused'));
    clock.advance(FIRST_DELAY);
    await eventually(() => broker.closed.length === 1);
    await channel.close();
    // Its waits end in this turn, and their timers with them.
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(60_000);
    expect((await connection.openChannel()).id).toBe(2);
    broker.closes = true;
    broker.peer!.send(1, 'channel.closeOk', {});
    for (let round = 0; round < 2; round++) await connection.openChannel();
    expect(broker.opened).toEqual([1, 2, 3, 1]);
  });

  it('C11 is opened anew ten times at most; later refusals reject the publish', async () => {
    const { broker, channel } = await open(
      () => 'nack',
      { republishUnconfirmed: true, publishTimeout: 3_600_000 },
      { clock: fastClock, connectTimeout: 3_600_000, rpcTimeout: 3_600_000 },
    );
    expect(await errorOf(channel.publish('', 'q', ''))).toBeInstanceOf(PublishNackedError);
    expect(broker.opened).toHaveLength(11);
    expect(await errorOf(channel.publish('', 'q', ''))).toBeInstanceOf(PublishNackedError);
    expect(broker.opened).toHaveLength(11);
  });

  it('C11 is not opened anew with restore: false', async () => {
    const clock = new ManualClock();
    const { broker, channel } = await open(() => 'nack', { restore: false }, { clock });
    for (let round = 0; round < 3; round++) {
      expect(await errorOf(channel.publish('', 'q', ''))).toBeInstanceOf(PublishNackedError);
      clock.advance(10_000);
    }
    expect(broker).toMatchObject({ opened: [1], closed: [] });
  });

  it('C11 close() waits for the renewal, with all outcomes reported', async () => {
    const clock = new ManualClock();
    const { broker, channel } = await open(slowBeforeElection, {}, { clock });
    const slow = channel.publish('', 'slow', '');
    await errorOf(channel.publish('', 'stale', ''));
    clock.advance(FIRST_DELAY);
    const waiting = channel.publish('', 'later', '');
    const closed = channel.close();
    broker.reply(broker.published[0]!, 'ack');
    expect(await Promise.all([slow, waiting, closed])).toEqual([1, 1, undefined]);
  });

  it('C11 is restored once when the connection or the channel is lost during the renewal', async () => {
    for (const loss of ['connection', 'channel'] as const) {
      const clock = new ManualClock();
      const { broker, connection, channel } = await open(slowBeforeElection, {}, { clock });
      const slow = errorOf(channel.publish('', 'slow', ''));
      await errorOf(channel.publish('', 'stale', ''));
      clock.advance(FIRST_DELAY);
      expect(channel.isOpen).toBe(false);
      const restored = eventOf(channel, 'restored');
      const lost = eventOf(channel, 'lost');
      if (loss === 'connection') broker.peer!.socket.destroy();
      else broker.reply(broker.published[0]!, 'channel.close');
      await slow;
      await lost;
      // Moves past the delay before a reconnect, and the second that the renewal would have waited.
      clock.advance(RECONNECT_DELAY + 1_000);
      await restored;
      await channel.publish('', 'stale', '');
      expect(broker.opened).toEqual([1, 1]);
      await connection.close();
    }
  });
});
