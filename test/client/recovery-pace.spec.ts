import { describe, expect, it } from '@jest/globals';
import {
  ConnectionClosedError,
  ConnectionLostError,
  EncodingError,
  NotAllowedError,
  type AmqpError,
} from '../../lib/client/index.js';
import { ReconnectPace } from '../../lib/client/recovery/reconnect-pace.js';
import { errorOf, eventOf, eventually, TrackedClock, useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';
import { ManualClock } from './support/manual-clock.js';
import { connectionEndpointOf } from './support/client-internals.js';

const LIMITS = { initialDelay: 100, maxDelay: 30_000, attempts: Infinity };
const REFUSED = new ConnectionLostError('connect ECONNREFUSED', 'unknown');
const NO_LOGIN = new NotAllowedError('no such vhost');

describe('K3.2 the pace of recovery', () => {
  const harness = useClientHarness();

  it('waits at most 1.5 s between attempts while no server answers, however long that lasts', () => {
    const pace = new ReconnectPace(LIMITS, { next: () => 1 });
    const waits = [pace.afterLoss(60_000), ...Array.from({ length: 50 }, () => pace.afterFailure(REFUSED))];
    expect(waits.slice(0, 6)).toEqual([100, 200, 400, 800, 1_500, 1_500]);
    expect(Math.max(...waits)).toBe(1_500);
  });

  it('waits longer each time, up to maxDelay, for a broker that refuses the login', () => {
    const pace = new ReconnectPace(LIMITS, { next: () => 1 });
    pace.afterLoss(60_000);
    const waits = Array.from({ length: 12 }, () => pace.afterFailure(NO_LOGIN));
    expect(waits.slice(0, 4)).toEqual([100, 200, 400, 800]);
    expect(waits.at(-1)).toBe(30_000);
  });

  it('K3.2 resets the delay only after a stable time, and counts the losses before it', () => {
    const pace = new ReconnectPace({ ...LIMITS, attempts: 3 }, { next: () => 1 });
    const early = [1, 2, 3].map(() => {
      pace.begin();
      return pace.afterLoss(1_999);
    });
    expect(early).toEqual([100, 200, 400]);
    expect([pace.attempts, pace.spent]).toEqual([3, true]);
    expect(pace.afterLoss(2_000)).toBe(100);
    expect([pace.attempts, pace.spent]).toEqual([0, false]);
    expect(pace.afterLoss(0)).toBe(100);
  });

  /** Starts a server that completes the handshake and closes the socket. */
  const fickle = () =>
    harness.server(async (peer) => {
      await peer.handshake();
      peer.socket.end();
    });

  it('K3.2 a broker that completes the handshake and closes: attempts count, and the connection gives up', async () => {
    const server = await fickle();
    const connection = await harness.connect({
      urls: server.url,
      reconnect: { initialDelay: 1, maxDelay: 5, attempts: 4 },
    });
    const reason = await connection.closed;
    expect(reason).toBeInstanceOf(ConnectionClosedError);
    expect(reason!.message).toMatch(/gave up after 4 attempts/);
    expect(server.peers).toHaveLength(5);
  });

  it('K3.2 the delays between such losses double', async () => {
    const waits: number[] = [];
    class Clock extends TrackedClock {
      override after(delay: number, run: () => void): () => void {
        if (delay > 1 && delay <= 64) waits.push(delay);
        return super.after(delay, run);
      }
    }
    const server = await fickle();
    const reconnect = { initialDelay: 2, maxDelay: 64, attempts: 6 };
    const random = { next: () => 1, bytes: (size: number) => Buffer.alloc(size) };
    const connection = await harness.connect({ urls: server.url, clock: new Clock(), random, reconnect });
    await connection.closed;
    expect(waits).toEqual([2, 4, 8, 16, 32, 64]);
  });

  it('K3.2 a channel that dies after each restore waits longer each time, and closes after restoreAttempts', async () => {
    let opened = 0;
    const server = await harness.server(async (peer) => {
      await peer.handshake();
      peer.agreeToClose();
      for (; opened < 5; opened++) {
        const channel = await peer.acceptChannel();
        // The channel is then open for the client, too.
        await peer.expect('basic.recover');
        peer.send(channel, 'channel.close', { replyCode: 406, replyText: 'unknown tag', classId: 60, methodId: 80 });
      }
    });
    const connection = await harness.connect({ urls: server.url });
    const channel = await connection.openChannel({ restoreAttempts: 4 });
    const use = (): void => void channel.basicRecoverAsync();
    channel.on('restored', use);
    use();
    const reason = (await channel.closed) as AmqpError;
    expect(reason).toMatchObject({ name: 'PreconditionFailedError', replyText: 'unknown tag' });
    expect(opened).toBe(5);
    expect(connection.state).toBe('open');
  });

  it('K3.2 errors caused by calls of this client do not count as restore attempts', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true, restoreAttempts: 1 });
    for (let round = 0; round < 6; round++) {
      const missing = channel.queueDeclare(harness.name(), { passive: true });
      expect((await errorOf(missing)).name).toBe('NotFoundError');
      expect((await errorOf(channel.publish(harness.name('x'), 'k', ''))).name).toBe('NotFoundError');
    }
    await channel.publish('', harness.name(), 'still there');
  });

  it('K3.2 unconfirmed publishes to a missing exchange are reported, and do not count as restore attempts', async () => {
    const channel = await (await harness.connect()).openChannel({ restoreAttempts: 1 });
    const missing = harness.name('x');
    for (let round = 0; round < 4; round++) {
      const [lost, restored] = [eventOf(channel, 'lost'), eventOf(channel, 'restored')];
      await channel.publish(missing, 'k', '');
      expect((await lost)[0]).toMatchObject({ name: 'NotFoundError', method: 'basic.publish' });
      await restored;
    }
    // The log has at most three lines.
    const lines = harness.warnings.filter((line) => line.includes(missing));
    expect([lines.length, lines[2]]).toEqual([3, expect.stringContaining('not logged')]);
    const { queue } = await channel.queueDeclare('', { exclusive: true });
    await channel.publish('', queue, 'still there');
    await eventually(async () => (await channel.queueDeclare(queue, { passive: true })).messageCount === 1);
  });

  it('a broker that returns is used again within 2 s, and 1,000 clients do not overload it', () => {
    for (const outage of [1_000, 5_000, 20_000, 60_000]) {
      const { waits, attemptsPerSecond } = comeBack(1_000, outage, Infinity);
      expect(waits[Math.floor(waits.length * 0.95)]).toBeLessThan(2_000);
      // Each makes four attempts in the first second, while delays grow; later less than two.
      expect(attemptsPerSecond[0]).toBeLessThan(5_000);
      expect(Math.max(...attemptsPerSecond.slice(1))).toBeLessThan(2_000);
      // The broker takes 150 logins a second, and the kernel queues 128 more; all others are refused.
      const slow = comeBack(1_000, outage, 150);
      expect(slow.waits).toHaveLength(1_000);
      expect(Math.max(...slow.waits)).toBeLessThan(10_000);
      expect(Math.max(...slow.attemptsPerSecond.slice(1))).toBeLessThan(2_000);
    }
  });

  it('K3.2 a broker that closes 1,000 connections right after the handshake receives ever fewer attempts', () => {
    const timeline = new Timeline();
    const perMinute = Array.from({ length: 5 }, () => 0);
    const random = seeded(7);
    for (let client = 0; client < 1_000; client++) {
      const pace = new ReconnectPace(LIMITS, random);
      const attempt = (): void => {
        perMinute[Math.floor(timeline.now / 60_000)]!++;
        timeline.after(pace.afterLoss(5), attempt);
      };
      timeline.after(pace.afterLoss(60_000), attempt);
    }
    timeline.run(5 * 60_000 - 1);
    // Each waits 15 s on average then: four attempts a minute.
    expect(perMinute.slice(2).every((attempts) => attempts < 6_000)).toBe(true);
  });

  /**
   * Simulates `clients` clients that lose their broker at once; it returns after `outage` ms, and takes `rate` logins a second.
   *
   * @returns ms from the broker's return to each client's login, in order, and the attempts of each second
   */
  function comeBack(clients: number, outage: number, rate: number): { waits: number[]; attemptsPerSecond: number[] } {
    const timeline = new Timeline();
    const random = seeded(outage);
    const attemptsPerSecond: number[] = [];
    const waits: number[] = [];
    let busyUntil = outage;
    for (let client = 0; client < clients; client++) {
      const pace = new ReconnectPace(LIMITS, random);
      const attempt = (): void => {
        const now = timeline.now;
        const second = Math.floor(now / 1_000);
        attemptsPerSecond[second] = (attemptsPerSecond[second] ?? 0) + 1;
        const backlog = (Math.max(0, busyUntil - now) / 1_000) * rate;
        if (now < outage || backlog > 128) return timeline.after(pace.afterFailure(REFUSED), attempt);
        busyUntil = Math.max(busyUntil, now) + 1_000 / rate;
        timeline.after(busyUntil - now, () => waits.push(timeline.now - outage));
      };
      timeline.after(pace.afterLoss(60_000), attempt);
    }
    timeline.run(outage + 20_000);
    return { waits, attemptsPerSecond };
  }

  it('a restarted broker is used again within 2 s, with default options', async () => {
    const proxy = await harness.proxy();
    const connection = await harness.connect({ urls: `amqp://127.0.0.1:${proxy.port}`, reconnect: {} });
    const failures = new Inbox<number>();
    connection.on('reconnectFailed', (_error, delay) => failures.add(delay));
    proxy.refuse();
    proxy.cut();
    // The delays have reached their maximum.
    for (const delay of await failures.take(6)) expect(delay).toBeLessThanOrEqual(1_500);
    const back = eventOf(connection, 'reconnected');
    await proxy.accept();
    await back;
  });
});

/** Virtual time for very many timers, in steps of a millisecond. */
class Timeline {
  now = 0;
  private readonly due: (() => void)[][] = [];

  after(delay: number, run: () => void): void {
    (this.due[Math.ceil(this.now + delay)] ??= []).push(run);
  }

  run(end: number): void {
    for (; this.now <= end; this.now++) for (const run of this.due[this.now] ?? []) run();
  }
}

/** Returns a random source that repeats its values. */
function seeded(seed: number): { next(): number } {
  let state = seed;
  return {
    next() {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state / 2 ** 32;
    },
  };
}

describe('K3.4 a silent peer', () => {
  const harness = useClientHarness();

  it.each([1, 100, 499, 700, 1_999])(
    'K3.4 is noticed two intervals after its last byte, which arrived at %d ms',
    async (at) => {
      const clock = new ManualClock();
      const server = await harness.server(async (peer) => {
        await peer.handshake({ heartbeat: 2 });
        await peer.sayGoodbye();
      });
      const connection = await harness.connect({ urls: server.url, clock, reconnect: false });
      clock.advance(at);
      server.peers[0]!.socket.write(Buffer.from([8, 0, 0, 0, 0, 0, 0, 0xce]));
      await eventually(() => connectionEndpointOf(connection).link!.transport.lastReceived === at);
      clock.advance(3_999);
      await turns();
      expect(connection.state).toBe('open');
      clock.advance(1);
      const reason = await connection.closed;
      expect(reason!.message).toMatch(/nothing.*4000 ms/);
    },
  );

  it('K3.4 received bytes set no timer: it is set anew when it fires', async () => {
    let timers = 0;
    class Clock extends ManualClock {
      override after(delay: number, run: () => void): () => void {
        timers++;
        return super.after(delay, run);
      }
    }
    const clock = new Clock();
    const server = await harness.server(async (peer) => {
      await peer.handshake({ heartbeat: 2 });
      await peer.sayGoodbye();
    });
    const connection = await harness.connect({ urls: server.url, clock, reconnect: false });
    const before = timers;
    for (let at = 10; at <= 300; at += 10) {
      clock.advance(10);
      server.peers[0]!.socket.write(Buffer.from([8, 0, 0, 0, 0, 0, 0, 0xce]));
      await eventually(() => connectionEndpointOf(connection).link!.transport.lastReceived === at);
    }
    expect(timers).toBe(before);
  });

  async function turns(): Promise<void> {
    for (let n = 0; n < 5; n++) await new Promise<void>((resolve) => setImmediate(resolve));
  }
});

describe('K3.3 failover to a broker with smaller limits', () => {
  const harness = useClientHarness();

  it('K3.3 channels over its channel-max fail with a typed error, the others stay open', async () => {
    let late: number[] = [];
    const server = await harness.server(async (peer, index) => {
      await peer.handshake({ channelMax: index === 0 ? 10 : 2 });
      const accepted: number[] = [];
      const count = index === 0 ? 4 : 3;
      if (index === 1) peer.agreeToClose();
      while (accepted.length < count) accepted.push(await peer.acceptChannel());
      if (index === 0) return peer.socket.destroy();
      late = accepted;
      await peer.closed;
    });
    const connection = await harness.connect({ urls: server.url });
    const channels = [];
    for (let n = 0; n < 4; n++) channels.push(await connection.openChannel());
    await eventOf(connection, 'reconnected');
    for (const channel of channels.slice(2)) {
      expect(await channel.closed).toBeInstanceOf(NotAllowedError);
      expect((await channel.closed)!.message).toMatch(/channel-max/);
    }
    expect(channels.map(({ isOpen }) => isOpen)).toEqual([true, true, false, false]);
    // The numbers of the failed channels are not used here.
    expect(await errorOf(connection.openChannel())).toBeInstanceOf(NotAllowedError);
    await channels[1]!.close();
    expect((await connection.openChannel()).id).toBe(2);
    expect(late).toEqual([1, 2, 2]);
  });

  it('K3.3 publishes that no longer fit its frame-max fail with a typed error, the others are sent', async () => {
    const server = await harness.server(async (peer, index) => {
      await peer.handshake({ frameMax: index === 0 ? 131_072 : 4_096 });
      const channel = await peer.acceptChannel();
      await peer.expect('confirm.select');
      peer.send(channel, 'confirm.selectOk', {});
      if (index === 0) return peer.socket.destroy();
      await peer.expect('basic.publish');
      peer.send(channel, 'basic.ack', { deliveryTag: 1, multiple: false });
      await peer.sayGoodbye();
    });
    const connection = await harness.connect({ urls: server.url });
    const channel = await connection.openChannel({ confirm: true });
    await eventOf(connection, 'disconnected');
    const large = errorOf(channel.publish('', 'k', 'x', { headers: { large: 'x'.repeat(5_000) } }));
    const body = channel.publish('', 'k', Buffer.alloc(50_000));
    expect((await large).name).toBe('EncodingError');
    expect(await body).toBe(1);
    expect(connection.frameMax).toBe(4_096);
  });

  it('K3.3 a queue and a consumer that no longer fit its frame-max are reported; the others are restored', async () => {
    const large = { 'x-note': 'x'.repeat(5_000) };
    let declared: string[] = [];
    const server = await harness.server(async (peer, index) => {
      await peer.handshake({ frameMax: index === 0 ? 131_072 : 4_096 });
      const queues: string[] = [];
      const accept = async (): Promise<void> => {
        const { channel, args } = await peer.expect('queue.declare');
        queues.push(args.queue);
        peer.send(channel, 'queue.declareOk', { queue: args.queue, messageCount: 0, consumerCount: 0 });
      };
      if (index === 0) {
        await peer.acceptChannel();
        for (const _ of ['large', 'small']) await accept();
        await peer.acceptConsumer('small');
        await peer.acceptConsumer('large');
        return peer.socket.destroy();
      }
      peer.agreeToClose();
      await peer.acceptChannel();
      await accept();
      declared = queues;
      await peer.acceptChannel();
      await peer.acceptConsumer('small');
      return peer.closed;
    });
    const connection = await harness.connect({ urls: server.url });
    const channel = await connection.openChannel();
    const failed = eventOf<[string, Error]>(connection, 'restoreFailed');
    const restored = eventOf(channel, 'restored');
    await channel.queueDeclare('large', { arguments: large });
    await channel.queueDeclare('small');
    const small = await channel.basicConsume('small', () => {});
    const consumer = await channel.basicConsume('small', () => {}, { arguments: large });
    expect(await failed).toEqual(["queue 'large'", expect.any(EncodingError)]);
    await restored;
    expect([declared, small.active]).toEqual([['small'], true]);
    expect(await consumer.closed).toMatchObject({ name: 'ConsumerCancelledError', cause: expect.any(EncodingError) });
  });
});
