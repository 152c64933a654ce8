import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EmbeddedBroker, type DropKind } from '../lib/broker/index.js';
import {
  AccessRefusedError,
  connect,
  ConnectionLostError,
  MessageReturnedError,
  PublishNackedError,
  PublishRefusedError,
  TimeoutError,
  type Channel,
  type Connection,
  type Delivery,
} from '../lib/client/index.js';
import { errorOf, eventOf } from './client/support/client-harness.js';
import { Inbox } from './support/inbox.js';

/** Tests each fault by its effect on a client, and by its entry in the journal. */
describe('EmbeddedBroker: faults on demand', () => {
  let broker: EmbeddedBroker;
  let connection: Connection;
  let channel: Channel;

  beforeEach(async () => {
    broker = await EmbeddedBroker.start();
    connection = await connect(broker.url, {
      connectionName: 'ours',
      reconnect: { initialDelay: 1, maxDelay: 20 },
    });
    channel = await connection.openChannel({ confirm: true });
    await channel.queueDeclare('q');
  });
  afterEach(async () => {
    broker.faults.clear();
    await connection.close();
    await broker.close();
  });

  it.each<[DropKind, RegExp]>([
    ['close', /320 CONNECTION_FORCED - Closed via the embedded broker/],
    ['end', /closed/],
    ['reset', /ECONNRESET/],
    ['mid-frame', /closed/],
  ])('drop (%s): pending calls fail, and the connection reconnects', async (kind, message) => {
    // The delay keeps a call pending.
    broker.faults.delay(60_000);
    const pending = errorOf<ConnectionLostError>(channel.publish('', 'q', 'x'));
    const [lost, back] = [eventOf<[Error]>(connection, 'disconnected'), eventOf(connection, 'reconnected')];
    expect(broker.faults.drop(kind)).toBe(1);
    broker.faults.delay(0);
    expect((await lost)[0].message).toMatch(message);
    expect(await pending).toBeInstanceOf(ConnectionLostError);
    expect((await pending).outcome).toBe('unknown');
    await back;
    await channel.publish('', 'q', 'after');
    await broker.journal.next('disconnected');
    expect(broker.journal.of('connected')).toHaveLength(2);
    expect(broker.journal.of('fault', ({ fault }) => fault === `drop (${kind})`)).toMatchObject([
      { detail: '1 connections' },
    ]);
  });

  it('drop (mid-frame): a pending confirm is sent before the half frame, and nothing after it', async () => {
    const lost = eventOf<[Error]>(connection, 'disconnected');
    const unwatch = broker.journal.watch(({ kind }) => {
      if (kind === 'published') queueMicrotask(() => broker.faults.drop('mid-frame'));
    });
    expect(await channel.publish('', 'q', 'x')).toBe(1);
    expect((await lost)[0].message).not.toMatch(/not AMQP/);
    unwatch();
  });

  it('drop (close): messages of one channel are not redelivered to another of the same connection', async () => {
    const other = await connection.openChannel();
    const [held, second] = [new Inbox<unknown>(), new Inbox<unknown>()];
    await channel.basicConsume('q', held.add);
    await channel.publish('', 'q', 'x');
    await held.next();
    await other.basicConsume('q', second.add);
    const back = eventOf(connection, 'reconnected');
    broker.faults.drop('close');
    await back;
    const again = await Promise.race([held.next(), second.next()]);
    expect(again).toMatchObject({ redelivered: true });
  });

  it('cancelConsumers while publishers are blocked: the consumer waits until the broker answers again', async () => {
    const inbox = new Inbox<Delivery>();
    const consumer = await channel.basicConsume('q', inbox.add);
    const blocked = eventOf(connection, 'blocked');
    broker.faults.block();
    await blocked;
    const waiting = eventOf(channel, 'consumerWaiting');
    broker.faults.cancelConsumers();
    expect(await waiting).toEqual([consumer, expect.any(TimeoutError)]);
    const restored = eventOf(channel, 'consumerRestored');
    broker.faults.unblock();
    expect(await restored).toEqual([consumer]);
    await channel.publish('', 'q', 'after');
    expect((await inbox.next()).text()).toBe('after');
  });

  it('drop selects one of several connections by its name or number', async () => {
    const other = await connect(broker.url, { connectionName: 'other', reconnect: false });
    expect(broker.connections.map(({ name }) => name)).toEqual(['ours', 'other']);
    expect(broker.faults.drop('end', { name: 'nobody' })).toBe(0);
    expect(broker.faults.drop('end', { name: 'other' })).toBe(1);
    expect(await other.closed).toBeInstanceOf(ConnectionLostError);
    expect(connection.state).toBe('open');
    const [ours] = broker.connections;
    const lost = eventOf(connection, 'disconnected');
    expect(broker.faults.drop('end', { id: ours!.id })).toBe(1);
    await lost;
  });

  it('stall: the broker sends neither answers nor heartbeats; the client notices by itself', async () => {
    const watched = await connect(broker.url, { heartbeat: 1, reconnect: false });
    broker.faults.stall();
    expect((await watched.closed)!.message).toMatch(/heartbeat/);
    const call = channel.queueDeclare('late');
    let answered = false;
    void call.then(() => (answered = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(answered).toBe(false);
    broker.faults.resume();
    expect((await call).queue).toBe('late');
  });

  it('stall also holds new connections until resume', async () => {
    broker.faults.stall();
    const error = await errorOf(connect(broker.url, { connectTimeout: 100, reconnect: false }));
    expect(error.message).toMatch(/100 ms|timeout|within/i);
    broker.faults.resume();
    await (await connect(broker.url, { reconnect: false })).close();
  });

  it('delay: all frames arrive later, in order', async () => {
    expect(broker.faults.delay(60)).toBe(1);
    const start = Date.now();
    await Promise.all(['a', 'b', 'c'].map((text) => channel.publish('', 'q', text)));
    expect(Date.now() - start).toBeGreaterThanOrEqual(55);
    broker.faults.delay(0);
    const texts = [];
    for (let count = 0; count < 3; count++) texts.push((await channel.basicGet('q', { noAck: true }))!.text());
    expect(texts).toEqual(['a', 'b', 'c']);
  });

  it('nackNext: nacks the next matching messages, and drops them', async () => {
    await channel.queueDeclare('other');
    broker.faults.nackNext(2, { routingKey: 'q' });
    await channel.publish('', 'other', 'not meant');
    for (let count = 0; count < 2; count++) {
      expect(await errorOf(channel.publish('', 'q', 'x'))).toBeInstanceOf(PublishNackedError);
    }
    await channel.publish('', 'q', 'passes');
    expect(broker.journal.of('published').map(({ outcome }) => outcome)).toEqual([
      'routed',
      'nacked',
      'nacked',
      'routed',
    ]);
    expect(broker.queues.find(({ name }) => name === 'q')!.messages).toBe(1);
  });

  it('returnNext: returns mandatory messages only, regardless of bindings', async () => {
    broker.faults.returnNext();
    await channel.publish('', 'q', 'not mandatory');
    expect(await errorOf(channel.publish('', 'q', 'x', { mandatory: true }))).toBeInstanceOf(MessageReturnedError);
    await channel.publish('', 'q', 'passes', { mandatory: true });
    expect(broker.journal.of('published', ({ outcome }) => outcome === 'returned')).toHaveLength(1);
  });

  it('cancelConsumers: by queue or tag; the client is notified', async () => {
    const cancelled = new Inbox<string>();
    for (const consumerTag of ['one', 'two']) {
      await channel.basicConsume('q', () => undefined, { consumerTag, onCancel: () => cancelled.add(consumerTag) });
    }
    expect(broker.faults.cancelConsumers({ queue: 'another' })).toBe(0);
    expect(broker.faults.cancelConsumers({ consumerTag: 'two' })).toBe(1);
    expect(await cancelled.next()).toBe('two');
    expect(broker.faults.cancelConsumers({ queue: 'q' })).toBe(1);
    expect(await cancelled.next()).toBe('one');
    expect(broker.queues[0]!.consumers).toBe(0);
  });

  it('block and unblock: publishes wait, clients are notified, including new ones', async () => {
    const blocked = eventOf(connection, 'blocked');
    expect(broker.faults.block('no room')).toBe(1);
    expect(await blocked).toEqual(['no room']);
    const late = await connect(broker.url, { reconnect: false });
    const refused = await late.openChannel({ confirm: true, whenUnavailable: 'fail' });
    expect(await errorOf(refused.publish('', 'q', 'x'))).toBeInstanceOf(PublishRefusedError);
    const publish = channel.publish('', 'q', 'x');
    // The broker still serves consumers.
    await channel.queueDeclare('q', { passive: true });
    expect(broker.journal.of('published')).toHaveLength(0);
    const unblocked = eventOf(connection, 'unblocked');
    broker.faults.unblock();
    await unblocked;
    await publish;
    await late.close();
  });

  it('refuseLogins: refuses the given number of logins', async () => {
    broker.faults.refuseLogins(1);
    expect(await errorOf(connect(broker.url, { reconnect: false }))).toBeInstanceOf(AccessRefusedError);
    await (await connect(broker.url, { reconnect: false })).close();
    expect(broker.journal.of('refused')).toMatchObject([{ user: 'guest' }]);
  });

  it('corruptFrame: the client closes the connection with 501, and reconnects', async () => {
    const restored = eventOf(connection, 'reconnected');
    expect(broker.faults.corruptFrame()).toBe(1);
    await restored;
    expect(broker.journal.of('connected')).toHaveLength(2);
  });

  it('clear ends all faults', async () => {
    const { faults } = broker;
    faults.nackNext(5);
    faults.returnNext(5);
    faults.refuseLogins();
    faults.delay(10_000);
    faults.block();
    faults.stall();
    faults.clear();
    await channel.publish('', 'q', 'x', { mandatory: true });
    await (await connect(broker.url, { reconnect: false })).close();
  });
});

describe('EmbeddedBroker: journal and time', () => {
  let broker: EmbeddedBroker;
  let connection: Connection;

  beforeEach(async () => {
    broker = await EmbeddedBroker.start();
    connection = await connect(broker.url, { connectionName: 'ours', reconnect: false });
  });
  afterEach(() => broker.close());

  it('records the whole route of a message', async () => {
    const channel = await connection.openChannel({ confirm: true });
    await channel.queueDeclare('q');
    const handled = broker.journal.next('settled', ({ queue, outcome }) => queue === 'q' && outcome === 'ack');
    await channel.basicConsume('q', (delivery) => delivery.ack());
    await channel.publish('', 'q', '{"id":1}', { messageId: 'm', headers: { tenant: 'a' } });
    const { message } = await handled;
    expect(message.json()).toEqual({ id: 1 });
    expect(message.properties).toMatchObject({ messageId: 'm', headers: { tenant: 'a' } });
    const kinds = broker.journal.entries.map(({ kind }) => kind);
    expect(kinds[0]).toBe('connected');
    expect(kinds.slice(-3).sort()).toEqual(['delivered', 'published', 'settled']);
    expect(broker.journal.of('published')).toMatchObject([
      { exchange: '', routingKey: 'q', queues: ['q'], outcome: 'routed', mandatory: false },
    ]);
  });

  it('records deaths and errors', async () => {
    const channel = await connection.openChannel({ confirm: true, restore: false });
    await channel.queueDeclare('q', { arguments: { 'x-max-length': 0 } });
    await channel.publish('', 'q', 'x');
    await errorOf(channel.queueDeclare('not.there', { passive: true }));
    expect(broker.journal.of('died')).toMatchObject([{ queue: 'q', reason: 'maxlen' }]);
    expect(broker.journal.of('failed')).toMatchObject([{ channel: 1, replyCode: 404 }]);
  });

  it('next finds past entries, waits for later ones, and lists others in its error', async () => {
    expect((await broker.journal.next('connected')).name).toBe('ours');
    const [last] = broker.journal.entries.slice(-1);
    await expect(broker.journal.next('connected', undefined, { after: last!.sequence, timeout: 20 })).rejects.toThrow(
      /'connected' within 20 ms.*: connected/,
    );
    broker.journal.clear();
    expect(broker.journal.entries).toEqual([]);
  });

  it('keeps only the last entries, or none', async () => {
    await using small = await EmbeddedBroker.start({ journalSize: 3 });
    await using none = await EmbeddedBroker.start({ journalSize: 0 });
    for (const { url } of [small, none]) {
      const other = await connect(url, { reconnect: false });
      const channel = await other.openChannel();
      for (let count = 0; count < 10; count++) await channel.queueDeclare(`q.${count}`);
      await other.close();
    }
    expect(small.journal.entries).toHaveLength(3);
    expect(none.journal.entries).toHaveLength(0);
  });

  it('advance: applies a minute of TTLs, delays and expiries at once, in order', async () => {
    const channel = await connection.openChannel({ confirm: true });
    await channel.queueDeclare('done');
    const dead = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'done' };
    await channel.queueDeclare('slow', { arguments: { ...dead, 'x-message-ttl': 60_000 } });
    await channel.queueDeclare('quick', { arguments: { ...dead, 'x-message-ttl': 1_000 } });
    await channel.queueDeclare('unused', { arguments: { 'x-expires': 50_000 } });
    await channel.publish('', 'slow', 'slow');
    await channel.publish('', 'quick', 'quick');
    const before = broker.now;
    broker.advance(59_000);
    expect(broker.now - before).toBeGreaterThanOrEqual(59_000);
    expect(broker.queues.map(({ name, messages }) => [name, messages])).toEqual([
      ['done', 1],
      ['slow', 1],
      ['quick', 0],
    ]);
    broker.advance(1_000);
    const texts = [await channel.basicGet('done'), await channel.basicGet('done')].map((delivery) => delivery!.text());
    expect(texts).toEqual(['quick', 'slow']);
    expect(() => broker.advance(-1)).toThrow(RangeError);
  });

  it('an unknown filter and an impossible value are refused, and nothing breaks', async () => {
    const { faults } = broker;
    const calls: readonly (readonly [() => unknown, RegExp])[] = [
      [() => faults.drop('rst' as never), /drop: how must be one of close, end, reset, mid-frame/],
      // Ignored, it would drop every connection.
      [() => faults.drop('end', { connectionName: 'other' } as never), /drop: unknown option 'connectionName'.*name/],
      [() => faults.drop('end', { id: '1' as never }), /drop: id must be a number/],
      [() => faults.drop('end', null as never), /drop: expected an object/],
      [() => faults.corruptFrame({ nam: 'ours' } as never), /corruptFrame: unknown option 'nam'/],
      [() => faults.cancelConsumers({ tag: 'x' } as never), /cancelConsumers: unknown option 'tag'/],
      [() => faults.cancelConsumers({ queue: 5 as never }), /cancelConsumers: queue must be a string/],
      ...[-1, NaN, Infinity, '5' as never].map((ms) => [() => faults.delay(ms), /delay: ms must be/] as const),
      ...[0, -1, 1.5, NaN, '5' as never].map((n) => [() => faults.nackNext(n), /nackNext: count must be/] as const),
      [() => faults.returnNext(1, { routingkey: 'q' } as never), /returnNext: unknown option 'routingkey'.*routingKey/],
      ...[-1, NaN, 1.5].map((n) => [() => faults.refuseLogins(n), /refuseLogins: count must be/] as const),
      [() => faults.block(5 as never), /block: reason must be a text/],
      [() => faults.block('x'.repeat(256)), /at most 255 bytes/],
      [() => broker.restart({ keep: 'all' as never }), /restart: keep must be one of durable, nothing/],
      [() => broker.restart({ keep: 'durable', how: 'kill' as never }), /restart: how must be one of/],
      [() => broker.advance('5' as never), /advance: ms must be/],
      [() => broker.publish({ routingKey: 'q', body: 'x' as never }), /publish: body must be a Uint8Array/],
      [() => broker.publish({ key: 'q', body: Buffer.alloc(0) } as never), /publish: unknown option 'key'/],
    ];
    for (const [call, message] of calls) {
      expect(call).toThrow(RangeError);
      expect(call).toThrow(message);
    }
    const channel = await connection.openChannel({ confirm: true });
    await channel.queueDeclare('q');
    await channel.publish('', 'q', 'x');
    expect([broker.connections.length, broker.journal.of('fault'), broker.queues]).toEqual([1, [], [expect.objectContaining({ messages: 1 })]]); // prettier-ignore
  });

  it('invalid options are named', async () => {
    await expect(EmbeddedBroker.start({ frameMax: 100 })).rejects.toThrow(
      /frameMax must be a whole number from 4096 to 4294967295/,
    );
    await expect(EmbeddedBroker.start({ prot: 1 } as object)).rejects.toThrow(
      /unknown option 'prot'; did you mean 'port'\? Known are: port/,
    );
    const wrong = [{ log: 5 }, { host: 5 }, { users: ['guest'] }, { users: { guest: 5 } }, { vhosts: '/' }, { heartbeat: NaN }]; // prettier-ignore
    for (const options of wrong) {
      await expect(EmbeddedBroker.start(options as object)).rejects.toThrow(RangeError);
      expect(() => EmbeddedBroker.create(options as object)).toThrow(
        `EmbeddedBroker: ${Object.keys(options)[0]} must be`,
      );
    }
    await expect(EmbeddedBroker.start({ port: broker.port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  it('users may be a function: it decides about logins and new secrets, and ends connections', async () => {
    await using own = await EmbeddedBroker.start({
      users: (user, password) => {
        if (password === 'bug') throw new Error('a bug of the test');
        if (password === 'ends') return { expiresAt: Date.now() + 200 };
        return user === 'me' && (password !== 'late' || { expiresAt: 5 });
      },
    });
    expect(own.url).toBe(`amqp://127.0.0.1:${own.port}`);
    const login = (username: string, password: string) =>
      connect(own.url, { credentials: { username, password }, reconnect: false });
    for (const [user, password] of [
      ['you', 'any'],
      ['me', 'bug'],
      ['me', 'late'],
    ] as const) {
      await expect(login(user, password)).rejects.toMatchObject({ replyCode: 403 });
    }
    const [renewed, wrong] = [await login('me', 'any'), await login('me', 'any')];
    await expect(wrong.updateSecret('late', 'a test')).rejects.toMatchObject({ replyCode: 530 });
    await renewed.updateSecret('ends', 'a test');
    expect((await renewed.closed)?.message).toContain('403 ACCESS_REFUSED - the credentials have expired');
  });

  it('configured users and vhosts; the URL has the first of each', async () => {
    await using own = await EmbeddedBroker.start({ users: { 'me@home': 'p:ss/w' }, vhosts: ['a/b', '/'] });
    expect(own.url).toMatch(/^amqp:\/\/me%40home:p%3Ass%2Fw@127\.0\.0\.1:\d+\/a%2Fb$/);
    const other = await connect(own.url, { reconnect: false });
    expect(own.connections).toMatchObject([{ user: 'me@home' }]);
    await other.close();
  });

  it('close notifies its clients, and may be called again', async () => {
    await Promise.all([broker.close(), broker.close()]);
    expect(await connection.closed).toMatchObject({ replyCode: 320 });
  });
});
