import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { EmbeddedBroker, type Clock, type Random } from '../lib/broker/index.js';
import { connect, ConnectionLostError, type Connection } from '../lib/client/index.js';
import { ManualClock } from './client/support/manual-clock.js';
import { RawClient } from './conformance/support/raw-client.js';
import { memoryDuplexes, type MemoryDuplex } from './support/memory-duplex.js';

/** Stands still until it is moved, and knows its pending timers. */
class StillClock extends ManualClock implements Clock {
  readonly waiting = new Set<object>();

  override wallTime(): number {
    return 1_700_000_000_000 + this.now();
  }

  override after(delay: number, run: () => void): () => void {
    const task = {};
    this.waiting.add(task);
    const cancel = super.after(delay, () => (this.waiting.delete(task), run()));
    return () => (this.waiting.delete(task), cancel());
  }
}

/** Resolves in the event loop's next turn, when data in memory has arrived. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function turnsUntil(done: () => boolean): Promise<void> {
  for (let count = 0; count < 1_000 && !done(); count++) await turn();
  expect(done()).toBe(true);
}

describe('EmbeddedBroker.create and attach: without a port', () => {
  let clock: StillClock;
  let broker: EmbeddedBroker;
  const lines: string[] = [];

  beforeEach(() => {
    lines.length = 0;
    clock = new StillClock();
    broker = EmbeddedBroker.create({ clock, log: (line) => lines.push(line) });
  });
  afterEach(async () => {
    const closed = broker.close();
    await turn();
    clock.advance(1_000);
    await closed;
  });

  /** Returns a client's stream; the broker serves the other half. */
  function attach(): MemoryDuplex {
    const [ours, theirs] = memoryDuplexes();
    broker.attach(theirs);
    return ours;
  }

  const client = (): Promise<Connection> =>
    connect(broker.url, { createSocket: () => Promise.resolve(attach()), reconnect: false, heartbeat: 0 });

  async function raw(heartbeat = 0): Promise<RawClient> {
    const opened = new RawClient(attach());
    await opened.shakeHands(broker.url, { tuneOk: { heartbeat } });
    return opened;
  }

  it('serves the core client: declares, publishes with confirms, consumes', async () => {
    const connection = await client();
    const channel = await connection.openChannel({ confirm: true });
    await channel.queueDeclare('q');
    const body = Buffer.alloc(300_000, 'x');
    await channel.publish('', 'q', body, { mandatory: true });
    for await (const delivery of channel.consume('q')) {
      expect(delivery.body.equals(body)).toBe(true);
      delivery.ack();
      break;
    }
    expect(broker.connections).toHaveLength(1);
    expect(lines.some((line) => line.includes('opened: from a stream, user guest'))).toBe(true);
    await connection.close();
    expect(broker.connections).toHaveLength(0);
  });

  it('has no port; its URL contains the login', () => {
    expect(broker.port).toBe(0);
    expect(broker.url).toBe('amqp://guest:guest@127.0.0.1');
    broker.unref();
  });

  it('a broker with a port also serves streams', async () => {
    await using both = await EmbeddedBroker.start();
    const connection = await connect(both.url, {
      reconnect: false,
      createSocket: () => {
        const [ours, theirs] = memoryDuplexes();
        both.attach(theirs);
        return Promise.resolve(ours);
      },
    });
    const other = await connect(both.url, { reconnect: false });
    expect(both.connections).toHaveLength(2);
    await Promise.all([connection.close(), other.close()]);
  });

  it('close: clients are notified, and every stream is destroyed; a later one at once', async () => {
    const connection = await client();
    const silent = attach();
    await broker.close();
    expect((await connection.closed)!.message).toMatch(/320 CONNECTION_FORCED/);
    await turnsUntil(() => silent.destroyed);
    expect(clock.waiting.size).toBe(0);
    const late = attach();
    await turnsUntil(() => late.destroyed);
  });

  it('close: a client that does not answer gets a second, by the broker’s clock', async () => {
    const mute = await raw();
    mute.pause();
    let closed = false;
    const closing = broker.close().then(() => (closed = true));
    for (let count = 0; count < 10; count++) await turn();
    expect(closed).toBe(false);
    clock.advance(1_000);
    await closing;
    expect(clock.waiting.size).toBe(0);
  });

  it('a destroyed stream is not served, and does not prevent a close', async () => {
    const [, theirs] = memoryDuplexes();
    theirs.destroy();
    await once(theirs, 'close');
    broker.attach(theirs);
    await broker.close();
  });

  it('drop(reset) resets a stream that supports it', async () => {
    const [ours, theirs] = memoryDuplexes();
    broker.attach(theirs);
    const opened = new RawClient(ours);
    await opened.shakeHands(broker.url);
    broker.faults.drop('reset');
    expect(theirs.reset).toBe(true);
    await opened.ended;
  });

  describe('time is that of the given clock', () => {
    it('a client has 10 s for its handshake', async () => {
      const silent = attach();
      clock.advance(9_999);
      await turn();
      expect(silent.destroyed).toBe(false);
      clock.advance(1);
      await turnsUntil(() => silent.destroyed);
      expect(clock.waiting.size).toBe(0);
    });

    it('sends a heartbeat when it has sent nothing else for half the interval', async () => {
      const opened = await raw(10);
      await turn();
      clock.advance(4_999);
      await turn();
      opened.send(1, 'channel.open');
      expect((await opened.nextOfAny()).method?.name).toBe('channel.openOk');
      // The answer was the sign of life; the next heartbeat is due half an interval after it.
      clock.advance(4_999);
      await turn();
      opened.send(0, 'connection.updateSecret');
      expect((await opened.nextOfAny()).method?.name).toBe('connection.updateSecretOk');
      clock.advance(5_000);
      expect((await opened.nextOfAny()).method).toBeUndefined();
      clock.advance(5_000);
      expect((await opened.nextOfAny()).method).toBeUndefined();
      opened.destroy();
    });

    it('drops a client after two intervals of silence, to the millisecond', async () => {
      const opened = await raw(10);
      await turn();
      clock.advance(12_000);
      opened.send(1, 'channel.open');
      await turnsUntil(() => broker.journal.of('method').length === 1);
      clock.advance(19_999);
      await turn();
      expect(broker.connections).toHaveLength(1);
      clock.advance(1);
      expect(broker.connections).toHaveLength(0);
      await opened.ended;
      expect(broker.journal.of('disconnected')).toMatchObject([{ reason: 'no heartbeat for 20 s' }]);
      expect(clock.waiting.size).toBe(0);
    });

    it('a client that the broker does not read from does not count as silent', async () => {
      const opened = await raw(10);
      broker.faults.stall();
      clock.advance(60_000);
      expect(broker.connections).toHaveLength(1);
      broker.faults.resume();
      clock.advance(19_999);
      expect(broker.connections).toHaveLength(1);
      clock.advance(1);
      expect(broker.connections).toHaveLength(0);
      await opened.ended;
    });

    describe('a client that does not read', () => {
      /** Makes the broker's end of its stream congested: a return of the broker waits there. */
      async function congested(): Promise<{ opened: RawClient; theirs: MemoryDuplex; release: () => void }> {
        const [ours, theirs] = memoryDuplexes();
        broker.attach(theirs);
        const opened = new RawClient(ours);
        await opened.shakeHands(broker.url, { tuneOk: { heartbeat: 10 } });
        await opened.openChannel();
        const release = theirs.holdWrites();
        const body = Buffer.alloc(100_000);
        for (let count = 0; count < 14; count++)
          opened.publish(1, { routingKey: 'nowhere', mandatory: true }, {}, body);
        await turnsUntil(() => theirs.isPaused());
        return { opened, theirs, release };
      }

      it('is dropped after two intervals in which it has neither sent nor read bytes', async () => {
        const { opened } = await congested();
        clock.advance(50_000);
        expect(broker.connections).toHaveLength(0);
        opened.destroy();
      });

      it('is dropped after two intervals in which it has sent nothing, if the broker would read that', async () => {
        const [ours, theirs] = memoryDuplexes();
        broker.attach(theirs);
        const opened = new RawClient(ours);
        await opened.shakeHands(broker.url, { tuneOk: { heartbeat: 10 } });
        await opened.openChannel();
        opened.send(1, 'queue.declare', { queue: 'q' });
        await opened.expect('queue.declareOk');
        opened.send(1, 'basic.consume', { queue: 'q', noAck: true });
        await opened.expect('basic.consumeOk');
        clock.advance(15_000);
        await turn();
        theirs.holdWrites();
        for (let count = 0; count < 14; count++) broker.publish({ routingKey: 'q', body: Buffer.alloc(100_000) });
        await turnsUntil(() => broker.queues[0]!.messages > 0);
        expect(theirs.isPaused()).toBe(false);
        clock.advance(4_999);
        expect(broker.connections).toHaveLength(1);
        clock.advance(1);
        expect(broker.connections).toHaveLength(0);
        opened.destroy();
      });

      it('stays while it sends heartbeats, and while it reads bytes', async () => {
        const { opened, theirs, release } = await congested();
        for (let count = 0; count < 12; count++) {
          opened.frame(8, 0, Buffer.alloc(0));
          await turn();
          clock.advance(5_000);
        }
        expect(broker.connections).toHaveLength(1);
        release();
        await turnsUntil(() => !theirs.isPaused());
        clock.advance(15_000);
        expect(broker.connections).toHaveLength(1);
        opened.destroy();
      });
    });

    it('TTLs, the journal, delays and its patience', async () => {
      const opened = await raw();
      await opened.openChannel();
      opened.send(1, 'queue.declare', { queue: 'q', arguments: { 'x-message-ttl': 60_000 } });
      await opened.expect('queue.declareOk');
      opened.publish(1, { routingKey: 'q' });
      const { time } = await broker.journal.next('published');
      expect(time).toBe(clock.wallTime());
      clock.advance(59_999);
      expect(broker.queues).toMatchObject([{ messages: 1 }]);
      clock.advance(1);
      expect(broker.queues).toMatchObject([{ messages: 0 }]);
      expect(broker.now).toBe(clock.wallTime());
      broker.advance(500);
      expect(broker.now).toBe(clock.wallTime() + 500);

      broker.faults.delay(5_000);
      for (const queue of ['a', 'b']) opened.send(1, 'queue.declare', { queue });
      for (let count = 0; count < 5; count++) await turn();
      clock.advance(4_999);
      expect(broker.queues).toHaveLength(1);
      clock.advance(1);
      expect(broker.queues.map(({ name }) => name)).toEqual(['q', 'a', 'b']);
      broker.faults.delay(0);

      const never = broker.journal.next('died', ({ queue }) => queue === 'nowhere', { timeout: 1_000 });
      clock.advance(1_000);
      await expect(never).rejects.toThrow('within 1000 ms');
      opened.destroy();
    });

    it('leaves no timer after a connection, however it ended', async () => {
      for (const how of ['close', 'end', 'reset', 'mid-frame'] as const) {
        const opened = await raw(10);
        broker.faults.delay(1_000);
        opened.send(1, 'channel.open');
        await turn();
        broker.faults.drop(how);
        broker.faults.delay(0);
        opened.destroy();
        await turnsUntil(() => broker.connections.length === 0 && clock.waiting.size === 0);
      }
    });
  });

  it('the answer to a close is sent after a pending write', async () => {
    const [ours, theirs] = memoryDuplexes();
    broker.attach(theirs);
    const opened = new RawClient(ours);
    await opened.shakeHands(broker.url);
    await opened.openChannel();
    const release = theirs.holdWrites();
    opened.send(1, 'queue.declare', { queue: 'q' });
    await opened.expect('queue.declareOk');
    opened.send(0, 'connection.close');
    await broker.journal.next('disconnected');
    release();
    await opened.expect('connection.closeOk');
    opened.destroy();
  });

  it('names come from the given random source', async () => {
    const names: string[][] = [];
    for (let round = 0; round < 2; round++) {
      let next = 0;
      const random: Random = { next: () => 0.5, bytes: (size) => Buffer.alloc(size, ++next) };
      await using seeded = EmbeddedBroker.create({ random });
      const [ours, theirs] = memoryDuplexes();
      seeded.attach(theirs);
      const opened = new RawClient(ours);
      await opened.shakeHands(seeded.url);
      await opened.openChannel();
      opened.send(1, 'queue.declare');
      const { queue } = (await opened.expect('queue.declareOk')).args;
      opened.send(1, 'basic.consume', { queue });
      const { consumerTag } = (await opened.expect('basic.consumeOk')).args;
      opened.send(1, 'basic.consume', { queue: 'amq.rabbitmq.reply-to', noAck: true });
      await opened.expect('basic.consumeOk');
      opened.publish(1, { routingKey: queue }, { replyTo: 'amq.rabbitmq.reply-to' });
      const { properties } = await opened.expect('basic.deliver');
      names.push([queue, consumerTag, properties!.replyTo!]);
      opened.destroy();
    }
    expect(names[0]).toEqual(names[1]);
    expect(new Set(names[0]).size).toBe(3);
  });

  it('a client that the broker drops loses its connection', async () => {
    const connection = await client();
    broker.faults.drop('end');
    expect(await connection.closed).toBeInstanceOf(ConnectionLostError);
  });
});
