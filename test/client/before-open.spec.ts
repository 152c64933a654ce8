import { describe, expect, it } from '@jest/globals';
import {
  ChannelClosedError,
  ConfigurationError,
  ConnectionClosedError,
  ConnectionLostError,
  createConnection,
  NotAllowedError,
  NotFoundError,
  PublishRefusedError,
  TimeoutError,
  type Connection,
  type ConnectionOptions,
  type Delivery,
} from '../../lib/client/index.js';
import { Inbox } from '../support/inbox.js';
import { sharedRabbit } from '../support/shared-broker.js';
import { errorOf, eventOf, useClientHarness } from './support/client-harness.js';

/** No server listens on port 1. */
const NOWHERE = 'amqp://127.0.0.1:1';

const harness = useClientHarness();

/** Creates a connection without a broker, until `begin()`. */
function early(options: ConnectionOptions = {}): { connection: Connection; begin: () => void } {
  let urls = NOWHERE;
  const connection = harness.watch(
    createConnection({
      urls: () => Promise.resolve(urls),
      reconnect: { initialDelay: 10, maxDelay: 50 },
      clock: harness.clock,
      logger: { warn: () => {} },
      ...options,
    }),
  );
  return { connection, begin: () => (urls = sharedRabbit().url) };
}

describe('A connection that is not open yet', () => {
  it('connects by itself, and waiting calls run in order', async () => {
    const { connection, begin } = early();
    expect(connection.state).toBe('connecting');
    const queue = harness.name();
    const channel = connection.channel({ confirm: true });
    expect(channel).toMatchObject({ id: 0, isOpen: false });
    const declared = channel.queueDeclare(queue);
    const published = declared.then(() => Promise.all(['a', 'b'].map((body) => channel.publish('', queue, body))));
    await eventOf(connection, 'reconnectFailed');
    const connected = eventOf(connection, 'connected');
    begin();
    await connected;
    await connection.whenOpen();
    expect(await published).toEqual([1, 2]);
    expect(channel.id).toBe(1);
    expect((await channel.basicGet(queue, { noAck: true }))?.text()).toBe('a');
  });

  it('reports when a channel can be used: after its first opening, and not after its end', async () => {
    const { connection, begin } = early();
    const channel = connection.channel();
    expect(await errorOf(channel.whenOpen({ timeout: 1 }))).toBeInstanceOf(TimeoutError);
    const opened = channel.whenOpen().then(() => channel.isOpen);
    begin();
    expect(await opened).toBe(true);
    await channel.whenOpen();
    await channel.close();
    expect(await errorOf(channel.whenOpen())).toBeInstanceOf(ChannelClosedError);
  });

  it('keeps publishes, and sends them once it is open', async () => {
    const { connection, begin } = early();
    const queue = harness.name();
    const channel = connection.channel({ confirm: true });
    const published = channel.publish('amq.direct', queue, 'x', { mandatory: true });
    await eventOf(connection, 'reconnectFailed');
    begin();
    expect(await errorOf(published)).toMatchObject({ name: 'MessageReturnedError' });
  });

  it('refuses publishes at once with whenUnavailable: fail, and beyond the limits', async () => {
    const { connection } = early();
    const strict = connection.channel({ confirm: true, whenUnavailable: 'fail' });
    expect(await errorOf(strict.publish('', 'q', 'x'))).toBeInstanceOf(PublishRefusedError);
    const narrow = connection.channel({ confirm: true, maxWaiting: 1 });
    const waiting = errorOf(narrow.publish('', 'q', 'x'));
    expect(await errorOf(narrow.publish('', 'q', 'x'))).toBeInstanceOf(PublishRefusedError);
    await connection.close();
    expect(await waiting).toBeInstanceOf(PublishRefusedError);
  });

  it('holds each wait to its deadline', async () => {
    const { connection } = early();
    expect(await errorOf(connection.whenOpen({ timeout: 30 }))).toBeInstanceOf(TimeoutError);
    expect(await errorOf(connection.openChannel({ timeout: 30 }))).toBeInstanceOf(TimeoutError);
    const channel = connection.channel({ confirm: true });
    expect(await errorOf(channel.queueDeclare('q', { timeout: 30 }))).toBeInstanceOf(TimeoutError);
    expect(await errorOf(channel.publish('', 'q', 'x', { timeout: 30 }))).toMatchObject({
      name: 'PublishTimeoutError',
      outcome: 'not-sent',
    });
  });

  it('tells why it is not open when a publish has waited in vain, and after a loss, too', async () => {
    const { connection } = early();
    await eventOf(connection, 'reconnectFailed');
    const publishing = connection.channel({ confirm: true }).publish('', 'q', 'x', { timeout: 1 });
    const message = expect.stringMatching(
      /^not published within the deadline: the connection is not open: .*ECONNREFUSED/,
    );
    expect(await errorOf(publishing)).toMatchObject({ name: 'PublishTimeoutError', outcome: 'not-sent', message });
    const { connection: lost, proxy } = await harness.connectThroughProxy({ reconnect: { initialDelay: 60_000 } });
    const channel = await lost.openChannel({ confirm: true });
    const gone = eventOf(lost, 'disconnected');
    proxy.cut();
    const [loss] = (await gone) as [Error];
    const waiting = await errorOf(channel.publish('', 'q', 'x', { timeout: 1 }));
    expect(waiting).toMatchObject({
      message: `not published within the deadline: the connection is not open: ${loss.message}`,
    });
  });

  it('gives a consumer the prefetch that was asked for before it, although nobody has waited', async () => {
    const { connection, begin } = early();
    const queue = harness.name();
    await (await harness.connect()).withScratchChannel((scratch) => scratch.queueDeclare(queue));
    const channel = connection.channel({ confirm: true });
    const prefetches = [5, 2].map((count) => channel.basicQos(count));
    const inbox = new Inbox<Delivery>();
    const consuming = channel.basicConsume(queue, inbox.add);
    const later = channel.basicQos(1);
    const published = Array.from({ length: 4 }, () => channel.publish('', queue, 'x'));
    begin();
    await Promise.all([...prefetches, consuming, later, ...published]);
    await inbox.take(2);
    // The broker would have delivered the others before it answers.
    await channel.queueDeclare(queue, { passive: true });
    expect(inbox.waiting).toBe(0);
    await channel.close();
  });

  it('may be closed, and rejects all waiting calls', async () => {
    const { connection } = early();
    const channel = connection.channel();
    const waits = [connection.whenOpen(), channel.queueDeclare('q'), connection.openChannel()].map((wait) =>
      errorOf(wait),
    );
    await connection.close();
    const [opening, declaring, opened] = await Promise.all(waits);
    expect(opening).toBeInstanceOf(ConnectionClosedError);
    expect(declaring).toBeInstanceOf(ChannelClosedError);
    expect(opened).toBeInstanceOf(ChannelClosedError);
    expect(await connection.closed).toBeUndefined();
    expect(() => connection.channel()).toThrow(ConnectionClosedError);
    expect(await errorOf(connection.whenOpen())).toBeInstanceOf(ConnectionClosedError);
  });

  it('ends with the reason of its signal', async () => {
    const stop = new AbortController();
    const { connection } = early({ signal: stop.signal });
    const reason = new ConnectionClosedError('not any more');
    stop.abort(reason);
    expect(await connection.closed).toBe(reason);
    expect(await errorOf(connection.whenOpen())).toBe(reason);
    const late = early({ signal: stop.signal }).connection;
    expect((await eventOf(late, 'closed'))[0]).toBe(reason);
  });

  it('gives up after its attempts, and at once for errors that no attempt can resolve', async () => {
    const { connection } = early({ reconnect: { initialDelay: 1, maxDelay: 1, attempts: 2 } });
    const gaveUp = (await connection.closed)!;
    expect(gaveUp).toBeInstanceOf(ConnectionClosedError);
    expect(gaveUp.message).toMatch(/^gave up after 2 attempts to connect: .*127\.0\.0\.1:1/);
    const once = early({ reconnect: false }).connection;
    expect((await once.closed)!.message).toMatch(/127\.0\.0\.1:1/);
    const twice = early({ reconnect: false, connectAttempts: 2 }).connection;
    expect((await twice.closed)!.message).toMatch(/^gave up after 2 attempts to connect: /);
    const wrong = early({ urls: () => Promise.resolve('http://host') }).connection;
    expect(await wrong.closed).toBeInstanceOf(ConfigurationError);
    expect(() => createConnection({ hartbeat: 1 } as never)).toThrow(ConfigurationError);
  });
});

describe('N3.7 The log of an outage', () => {
  it('has three failed attempts at most', async () => {
    const lines: string[] = [];
    let failures = 0;
    const { connection } = early({
      reconnect: { initialDelay: 1, maxDelay: 1 },
      logger: { warn: (line) => lines.push(line) },
    });
    await new Promise<void>((resolve) => {
      connection.on('reconnectFailed', () => ++failures === 10 && resolve());
    });
    expect(lines).toHaveLength(3);
    expect(lines[2]).toMatch(/ ms, further failures are not logged$/);
  });

  it('has no failed attempt after a listener has closed the connection', async () => {
    const lines: string[] = [];
    const stop = new AbortController();
    const { connection } = early({ signal: stop.signal, logger: { warn: (line) => lines.push(line) } });
    connection.on('reconnectFailed', (error) => stop.abort(error));
    expect((await connection.closed)!.message).toMatch(/127\.0\.0\.1:1/);
    expect(lines).toEqual([]);
  });
});

describe('A channel with a preparation', () => {
  it('keeps publishes until the preparation is done, and sends them in order', async () => {
    const connection = await harness.connect();
    const queue = harness.name();
    const stop = new AbortController();
    const done = new Promise<void>((resolve) => stop.signal.addEventListener('abort', () => resolve()));
    const channel = connection.channel({ confirm: true, openAfter: () => done });
    const published = ['a', 'b'].map((body) => channel.publish('', queue, body, { mandatory: true }));
    expect(await errorOf(channel.queueDeclare(queue, { timeout: 20 }))).toBeInstanceOf(TimeoutError);
    expect(channel.id).toBe(0);
    await connection.withScratchChannel((scratch) => scratch.queueDeclare(queue));
    stop.abort();
    expect(await Promise.all(published)).toEqual([1, 2]);
  });

  it('closes with the error of the preparation', async () => {
    const connection = await harness.connect();
    const error = new Error('no such thing');
    const channel = connection.channel({ confirm: true, openAfter: () => Promise.reject(error) });
    expect(await errorOf(channel.publish('', 'q', 'x'))).toMatchObject({
      name: 'PublishRefusedError',
      message: 'not published: channel 0 is closed: no such thing',
      cause: error,
    });
    expect(await channel.closed).toBe(error);
    expect(await errorOf(connection.openChannel({ openAfter: () => Promise.reject(error) }))).toBe(error);
  });

  it('repeats the preparation on the next connection', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    let times = 0;
    const openAfter = async (): Promise<void> => {
      times++;
      await connection.withScratchChannel((scratch) => scratch.queueDeclare('', { exclusive: true }));
    };
    proxy.stall();
    const channel = connection.channel({ confirm: true, openAfter });
    const published = errorOf(channel.publish('amq.direct', harness.name(), 'x', { mandatory: true }));
    proxy.cut();
    proxy.resume();
    expect(await published).toMatchObject({ name: 'MessageReturnedError' });
    expect(times).toBe(2);
  });
});

describe('A consumer that is added before its channel is open', () => {
  it('is registered before the waiting publishes are sent', async () => {
    const { connection, begin } = early();
    const channel = connection.channel({ confirm: true });
    const asked = channel.publish('', 'nobody-answers', 'x', { replyTo: 'amq.rabbitmq.reply-to' });
    const consuming = channel.basicConsume('amq.rabbitmq.reply-to', () => {}, { noAck: true });
    begin();
    expect(await asked).toBe(1);
    expect((await consuming).active).toBe(true);
  });

  it('that the broker refuses ends alone: the channel opens without it', async () => {
    const connection = await harness.connect();
    const [queue, missing] = [harness.name(), harness.name()];
    await connection.withScratchChannel((scratch) => scratch.queueDeclare(queue));
    const channel = connection.channel({ confirm: true });
    const inbox = new Inbox<Delivery>();
    const refused = [missing, missing].map((name) => errorOf(channel.basicConsume(name, () => {})));
    const consumer = await channel.basicConsume(queue, inbox.add);
    for (const error of await Promise.all(refused)) expect(error).toBeInstanceOf(NotFoundError);
    await channel.publish('', queue, 'x');
    expect((await inbox.next()).text()).toBe('x');
    expect(consumer.active).toBe(true);
    await channel.close();
  });

  it('leaves the broker when its loop is left at the first delivery', async () => {
    const connection = await harness.connect();
    const queue = harness.name();
    await connection.withScratchChannel(async (scratch) => {
      await scratch.queueDeclare(queue);
      scratch.publish('', queue, 'x').catch(() => {});
    });
    const channel = connection.channel();
    for await (const delivery of channel.consume(queue)) {
      delivery.ack();
      break;
    }
    expect(await channel.queueDeclare(queue, { passive: true })).toMatchObject({ consumerCount: 0, messageCount: 0 });
  });

  it('is removed when its caller aborts', async () => {
    const { connection, begin } = early();
    const channel = connection.channel();
    const consuming = errorOf(channel.basicConsume('amq.rabbitmq.reply-to', () => {}, { noAck: true, timeout: 10 }));
    expect(await consuming).toBeInstanceOf(TimeoutError);
    begin();
    await channel.basicQos(1);
    expect(channel.noAckConsumers.size).toBe(0);
  });
});

describe('A channel that checks exchanges', () => {
  it('fails only publishes to a missing exchange', async () => {
    const connection = await harness.connect();
    const queue = harness.name();
    const missing = harness.name();
    const channel = connection.channel({ confirm: true, findExchanges: true, maxWaiting: 0, whenUnavailable: 'fail' });
    await channel.queueDeclare(queue);
    await channel.queueBind(queue, 'amq.fanout');
    let losses = 0;
    channel.on('lost', () => losses++);
    const published = [
      ['amq.fanout', 'a'],
      [missing, 'b'],
      ['amq.fanout', 'c'],
      [missing, 'd'],
      ['', 'e'],
    ].map(([exchange, body]) => channel.publish(exchange!, queue, body!).catch((error: unknown) => error));
    const outcomes = await Promise.all(published);
    expect(outcomes).toEqual([1, expect.any(NotFoundError), 2, expect.any(NotFoundError), 3]);
    for (const body of ['a', 'c', 'e']) expect((await channel.basicGet(queue, { noAck: true }))?.text()).toBe(body);
    await channel.exchangeDeclare(missing, 'fanout', { autoDelete: false });
    expect(await channel.publish(missing, queue, 'there by now')).toBe(4);
    expect(losses).toBe(0);
    await channel.exchangeDelete(missing);
  });

  it('names the cause in the error of a publish that times out', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel({ confirm: true, findExchanges: true });
    proxy.stall();
    const late = channel.publish('amq.fanout', '', 'x', { timeout: 30 });
    expect(await errorOf(late)).toMatchObject({
      outcome: 'not-sent',
      message: expect.stringContaining("whether exchange 'amq.fanout' is there"),
    });
    proxy.resume();
  });

  it('sends the publishes behind an aborted one without waiting for its exchange', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel({ confirm: true, findExchanges: true });
    const queue = harness.name();
    await channel.queueDeclare(queue);
    const inbox = new Inbox<Delivery>();
    await (await (await harness.connect()).openChannel()).basicConsume(queue, inbox.add, { noAck: true });
    proxy.stall('toClient');
    const abort = new AbortController();
    const aborted = errorOf(channel.publish('amq.fanout', '', 'x', { signal: abort.signal }));
    const next = channel.publish('', queue, 'next');
    abort.abort(new Error('enough'));
    expect((await aborted).message).toBe('enough');
    // Before the broker has said whether the exchange is there.
    expect((await inbox.next()).text()).toBe('next');
    proxy.resume();
    expect(await next).toBe(1);
  });
});

describe('A channel that is not open yet', () => {
  it('can be used at once on an open connection', async () => {
    const connection = await harness.connect();
    const queue = harness.name();
    const channel = connection.channel({ confirm: true });
    await channel.queueDeclare(queue);
    expect(await channel.publish('', queue, 'x', { mandatory: true })).toBe(1);
  });

  it('closes with the error when the connection has no channel number left', async () => {
    const connection = await harness.connect({ channelMax: 1 });
    await connection.openChannel();
    const channel = connection.channel({ confirm: true });
    const published = errorOf(channel.publish('', 'q', 'x'));
    expect(await channel.closed).toBeInstanceOf(NotAllowedError);
    expect(await published).toMatchObject({ name: 'PublishRefusedError', outcome: 'not-sent' });
    expect(await errorOf(connection.openChannel())).toBeInstanceOf(NotAllowedError);
  });

  it('takes publishes at once with whenUnavailable: fail, since it opens within a round trip', async () => {
    const connection = await harness.connect();
    const channel = connection.channel({ confirm: true, whenUnavailable: 'fail' });
    expect(await channel.publish('', 'q', 'x')).toBe(1);
  });

  it('tells a listener that it has closed, though it found no channel number', async () => {
    const connection = await harness.connect({ channelMax: 1 });
    await connection.openChannel();
    const channel = connection.channel();
    const closed = eventOf(channel, 'closed');
    expect(await errorOf(channel.publish('', 'q', 'x'))).toMatchObject({ outcome: 'not-sent' });
    expect((await closed)[0]).toBeInstanceOf(NotAllowedError);
  });

  it('opens on the next connection after a loss, except a channel that openChannel() waits for', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    proxy.stall();
    const opening = errorOf(connection.openChannel({ confirm: true }));
    const waiting = connection.channel({ confirm: true });
    const published = waiting.publish('', harness.name(), 'x');
    proxy.cut();
    proxy.resume();
    expect(await opening).toBeInstanceOf(ConnectionLostError);
    expect(await published).toBe(1);
  });

  it('close() sends the waiting publishes first', async () => {
    const { connection, begin } = early();
    const channel = connection.channel({ confirm: true });
    const published = channel.publish('amq.fanout', '', 'x');
    const closed = channel.close();
    begin();
    expect(await published).toBe(1);
    await closed;
    expect(connection.state).toBe('open');
  });
});

describe('withScratchChannel', () => {
  it('resolves with the result of the work, and leaves no channel open', async () => {
    const connection = await harness.connect({ channelMax: 1 });
    const queue = harness.name();
    for (let turn = 0; turn < 3; turn++) {
      expect(await connection.withScratchChannel((channel) => channel.queueDeclare(queue))).toMatchObject({ queue });
    }
  });

  it('rejects with the error of the work; no other channel is closed', async () => {
    const connection = await harness.connect();
    const other = await connection.openChannel();
    const looking = connection.withScratchChannel((channel) => channel.queueDeclare(harness.name(), { passive: true }));
    expect(await errorOf(looking)).toBeInstanceOf(NotFoundError);
    expect(other.isOpen).toBe(true);
  });
});
