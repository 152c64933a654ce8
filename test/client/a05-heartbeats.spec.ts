import { describe, expect, it } from '@jest/globals';
import { systemClock, type Clock } from '../../lib/environment/clock.js';
import { ConnectionLostError, type Delivery } from '../../lib/client/index.js';
import { eventOf, eventually, useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';
import { ManualClock } from './support/manual-clock.js';
import type { Peer } from './support/scripted-server.js';
import { connectionEndpointOf } from './support/client-internals.js';

const heartbeatFrame = Buffer.from([8, 0, 0, 0, 0, 0, 0, 0xce]);

describe('A5 heartbeats', () => {
  const harness = useClientHarness();

  /** Opens a connection to a server that sends nothing by itself, on a clock that stands still. */
  async function quiet(heartbeat: number, options: object = {}): Promise<Quiet> {
    const clock = new ManualClock();
    let peer!: Peer;
    const server = await harness.server(async (client) => {
      peer = client;
      await client.handshake({ heartbeat });
      void client.sayGoodbye();
    });
    const connection = await harness.connect({ urls: server.url, clock, reconnect: false, ...options });
    const start = peer.bytes.length;
    return {
      clock,
      connection,
      peer: () => peer,
      heartbeats: () => (peer.bytes.length - start) / heartbeatFrame.length,
      /** Resolves once the server has received what the client has written. */
      async sent(count) {
        await eventually(() => peer.bytes.length - start >= count * heartbeatFrame.length);
      },
    };
  }

  interface Quiet {
    clock: ManualClock;
    connection: Awaited<ReturnType<typeof harness.connect>>;
    peer: () => Peer;
    heartbeats: () => number;
    sent: (count: number) => Promise<void>;
  }

  /** Makes the peer send a heartbeat, and resolves once the client has read it. */
  async function hear({ clock, connection, peer }: Quiet): Promise<void> {
    const link = connectionEndpointOf(connection).link!;
    const before = link.transport.lastReceived;
    peer().socket.write(heartbeatFrame);
    if (clock.now() !== before) await eventually(() => link.transport.lastReceived === clock.now());
  }

  it('A5 sends one when half an interval has passed without sending', async () => {
    const quietly = await quiet(10);
    const { clock, sent } = quietly;
    clock.advance(4_000);
    clock.advance(1_500);
    await sent(1);
    await hear(quietly);
    clock.advance(5_000);
    await sent(2);
    expect(quietly.peer().bytes.subarray(-8)).toEqual(heartbeatFrame);
    expect(quietly.heartbeats()).toBe(2);
  });

  it('A5 sends none while other frames are sent', async () => {
    const { clock, connection, peer, heartbeats } = await quiet(10);
    const before = heartbeats();
    for (let n = 1; n <= 5; n++) {
      clock.advance(2_400);
      connectionEndpointOf(connection).link!.send(0, 'connection.updateSecret', {
        newSecret: Buffer.alloc(1),
        reason: '',
      });
      const { bytes } = peer();
      await eventually(() => peer().bytes.length > bytes.length);
      peer().socket.write(heartbeatFrame);
      await eventually(() => connectionEndpointOf(connection).link!.transport.lastReceived === clock.now());
    }
    expect(peer().bytes.subarray(-200).includes(heartbeatFrame)).toBe(false);
    expect(heartbeats()).toBeGreaterThan(before);
  });

  it('A5 declares the peer dead after two silent intervals, and not before', async () => {
    const { clock, connection } = await quiet(10);
    clock.advance(19_000);
    await systemTurns();
    expect(connection.state).toBe('open');
    expect(connection.isAlive).toBe(true);
    clock.advance(2_500);
    const error = await connection.closed;
    expect(error).toBeInstanceOf(ConnectionLostError);
    expect(error!.message).toContain('heartbeat');
  });

  it('A5 any traffic counts as a sign of life, even half a frame', async () => {
    const quietly = await quiet(10);
    const { clock, connection, peer } = quietly;
    for (const byte of heartbeatFrame) {
      clock.advance(15_000);
      peer().socket.write(Buffer.of(byte));
      await eventually(() => connectionEndpointOf(connection).link!.transport.lastReceived === clock.now());
      await systemTurns();
      expect(connection.state).toBe('open');
    }
  });

  it.each([
    [10, 5, 5],
    [5, 10, 5],
    [0, 7, 7],
    [7, undefined, 7],
  ])('A5 of %p (the broker’s) and %p (ours) the smaller non-zero value applies', async (theirs, ours, negotiated) => {
    const { connection, peer } = await quiet(theirs, ours === undefined ? {} : { heartbeat: ours });
    expect(connectionEndpointOf(connection).link!.negotiated.heartbeat).toBe(negotiated);
    // The last two octets of tune-ok are the interval.
    const at = peer().bytes.indexOf(Buffer.from([0, 10, 0, 31]));
    expect(peer().bytes.readUInt16BE(at + 10)).toBe(negotiated);
  });

  it('A5 zero disables', async () => {
    const { clock, connection, heartbeats } = await quiet(10, { heartbeat: 0 });
    clock.advance(1_000_000);
    await systemTurns();
    expect(connection.state).toBe('open');
    expect(connection.isAlive).toBe(true);
    expect(heartbeats()).toBe(0);
  });

  it('A5 sendHeartbeat sends one at once', async () => {
    const { connection, sent, heartbeats } = await quiet(0);
    connection.sendHeartbeat();
    await sent(1);
    expect(heartbeats()).toBe(1);
  });

  it('A5 manual mode: only heartbeatTick(rate) checks and sends', async () => {
    const quietly = await quiet(10, { heartbeat: { interval: 10, mode: 'manual' } });
    const { clock, connection, sent, heartbeats } = quietly;
    clock.advance(19_000);
    await systemTurns();
    expect(heartbeats()).toBe(0);
    connection.heartbeatTick();
    await sent(1);
    connection.heartbeatTick(); // sent a moment ago
    clock.advance(2_500);
    await hear(quietly);
    connection.heartbeatTick(); // not yet half an interval
    connection.heartbeatTick(4); // but a quarter
    await sent(2);
    await systemTurns();
    expect(heartbeats()).toBe(2);
    clock.advance(20_000);
    await systemTurns();
    expect(connection.state).toBe('open');
    connection.heartbeatTick();
    expect(await connection.closed).toBeInstanceOf(ConnectionLostError);
  });

  it('A5 a silent peer is noticed within two intervals, and the connection reconnects to another host', async () => {
    const { connection, proxy } = await harness.connectThroughProxy({ heartbeat: 1 });
    const channel = await connection.openChannel();
    const lost = eventOf<[Error]>(connection, 'disconnected');
    const started = performance.now();
    proxy.stall();
    const pending = channel.queueDeclare('x', { passive: true }).catch((error: unknown) => error);
    const [error] = await lost;
    const silence = performance.now() - started;
    expect(silence).toBeGreaterThan(900);
    expect(silence).toBeLessThan(2_600); // two intervals, and the delay of a check or a busy machine
    expect(error.message).toContain('heartbeat');
    expect(await pending).toBe(error);
    const back = eventOf(connection, 'reconnected');
    proxy.resume();
    await back;
    expect(channel.isOpen).toBe(true);
  }, 15_000);

  it('A5 an event loop that was blocked for three intervals does not count as a dead peer', async () => {
    // RabbitMQ ends a connection that is silent for two intervals. The interval of the broker is four times that of the client,
    // whose clock runs four times as fast.
    const fast: Clock = {
      now: () => systemClock.now() * 4,
      wallTime: () => systemClock.wallTime(),
      after: (delay, run) => systemClock.after(delay / 4, run),
      afterPendingEvents: (run) => systemClock.afterPendingEvents(run),
    };
    const connection = await harness.connect({ clock: fast, heartbeat: 2 });
    const channel = await connection.openChannel();
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    const inbox = new Inbox<Delivery>();
    await channel.basicConsume(
      queue,
      (delivery) => {
        const end = performance.now() + 1_600; // three intervals of half a second each, and more
        while (performance.now() < end);
        delivery.ack();
        inbox.add(delivery);
      },
      { prefetch: 1 },
    );
    let lost = 0;
    connection.on('disconnected', () => lost++);
    await channel.publish('', queue, 'block');
    await inbox.next();
    await systemTurns();
    expect((await channel.queueDeclare(queue, { passive: true })).messageCount).toBe(0);
    expect(lost).toBe(0);
    expect(connection.isAlive).toBe(true);
  });
});

/** Resolves when the work of this turn of the event loop, and of the next few, is done. */
async function systemTurns(): Promise<void> {
  for (let n = 0; n < 5; n++) await new Promise<void>((resolve) => setImmediate(resolve));
}
