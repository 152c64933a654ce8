import { describe, expect, it } from '@jest/globals';
import { getEventListeners } from 'node:events';
import { connect, NotFoundError, typed } from '../../lib/client/index.js';
import type { Channel, Delivery, FieldTable } from '../../lib/client/index.js';
import { sharedRabbit } from '../support/shared-broker.js';
import { errorOf, eventOf, eventually, useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';
import { connectionEndpointOf, endpointOf } from './support/client-internals.js';

describe('K1 the record equals the state of the broker', () => {
  const harness = useClientHarness();

  async function setUp() {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel({ confirm: true });
    const lose = async (): Promise<void> => {
      const back = eventOf(connection, 'reconnected');
      proxy.cut();
      await back;
    };
    return { connection, channel, lose, proxy };
  }

  /** Looks from a connection without a record. */
  async function gone(kind: 'queue' | 'exchange', name: string): Promise<boolean> {
    const other = await connect({ urls: sharedRabbit().url, reconnect: false });
    try {
      const channel = await other.openChannel({ restore: false });
      const declared =
        kind === 'queue'
          ? channel.queueDeclare(name, { passive: true })
          : channel.exchangeDeclare(name, 'fanout', { passive: true });
      return await declared.then(
        () => false,
        (error: unknown) => error instanceof NotFoundError,
      );
    } finally {
      await other.close();
    }
  }

  it('K1.1 a queue that this connection deletes stays deleted, and its consumers end with the reason', async () => {
    const { connection, channel, lose } = await setUp();
    const deleting = await connection.openChannel();
    for (const by of [channel, deleting, channel, deleting, channel, deleting]) {
      const queue = harness.name();
      await channel.queueDeclare(queue);
      const consumer = await channel.basicConsume(queue, () => {});
      const cancelled = eventOf<[Error]>(channel, 'consumerCancelled');
      await by.queueDelete(queue);
      expect((await consumer.closed)?.message).toMatch(/cancelled consumer .* of queue .*: the queue was deleted/);
      expect((await cancelled)[0]).toBe(await consumer.closed);
      expect(await gone('queue', queue)).toBe(true);
    }
    expect(connectionEndpointOf(connection).topology.size).toBe(0);
    await lose();
    expect(endpointOf(channel).consumers.list()).toEqual([]);
  });

  it('K1.1 arguments that the caller changes afterwards are restored as they were declared', async () => {
    const { connection, channel, lose } = await setUp();
    const failed = new Inbox<unknown>();
    connection.on('restoreFailed', (entity) => failed.add(entity));
    const [queue, exchange] = [harness.name(), harness.name('x')];
    const limits = { 'x-max-length': 5 };
    const alternate = { 'alternate-exchange': 'amq.fanout' };
    const match = { 'x-match': 'all', kind: 'order' };
    await channel.queueDeclare(queue, { exclusive: true, arguments: limits });
    await channel.exchangeDeclare(exchange, 'headers', { arguments: alternate });
    await channel.queueBind(queue, exchange, '', { arguments: match });
    limits['x-max-length'] = 6;
    alternate['alternate-exchange'] = 'amq.topic';
    match.kind = 'invoice';
    await lose();
    await channel.queueDeclare(queue, { exclusive: true, arguments: { 'x-max-length': 5 } });
    await channel.publish(exchange, '', 'x', { headers: { kind: 'order' }, mandatory: true });
    expect(failed.all).toEqual([]);
  });

  it('K1.1 a queue that is deleted and declared again at once is recorded', async () => {
    const { connection, channel, lose } = await setUp();
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    await Promise.all([channel.queueDelete(queue), channel.queueDeclare(queue, { exclusive: true })]);
    expect(connectionEndpointOf(connection).topology.size).toBe(1);
    await lose();
    await channel.publish('', queue, 'there', { mandatory: true });
  });

  it('K1.1 a deletion that the broker refuses changes neither queue nor consumer', async () => {
    const { channel, lose } = await setUp();
    const [queue, inbox] = [harness.name(), new Inbox<Delivery>()];
    await channel.queueDeclare(queue, { exclusive: true });
    await channel.basicConsume(queue, inbox.add, { noAck: true });
    const error = await errorOf(channel.queueDelete(queue, { ifUnused: true }));
    expect(error).toMatchObject({ replyCode: 406 });
    await lose();
    await channel.publish('', queue, 'still there', { mandatory: true });
    expect((await inbox.next()).text()).toBe('still there');
  });

  it('K1.1 the record follows the broker after a call was aborted', async () => {
    const { connection, channel } = await setUp();
    const [exchange, queue, deleted] = [harness.name('x'), harness.name(), harness.name()];
    await channel.queueDeclare(deleted);
    // The signal ends the wait in the turn of the call, after the frames were written.
    const stop = new AbortController();
    const calls = [
      channel.exchangeDeclare(exchange, 'fanout', { signal: stop.signal }),
      channel.queueDeclare(queue, { signal: stop.signal }),
      channel.queueBind(queue, exchange, '', { signal: stop.signal }),
      channel.queueDelete(deleted, { signal: stop.signal }),
    ];
    stop.abort(new Error('in a hurry'));
    expect((await Promise.allSettled(calls)).map(({ status }) => status)).toEqual(Array(4).fill('rejected'));
    // The declaration is answered after the earlier calls of the channel.
    await channel.queueDeclare(queue, { passive: true });
    expect(connectionEndpointOf(connection).topology.size).toBe(3);
    await Promise.all([channel.queueDelete(queue), channel.exchangeDelete(exchange, { timeout: 60_000 })]);
    expect(connectionEndpointOf(connection).topology.size).toBe(0);
  });

  it('K1.1 the record follows the broker when the channel closes before the answer', async () => {
    const { connection, channel, proxy } = await setUp();
    const [own, queue] = [await connection.openChannel(), harness.name()];
    await channel.queueDeclare(queue);
    proxy.stall('toClient');
    const deleting = errorOf(own.queueDelete(queue));
    await own.close({ timeout: 0 });
    proxy.resume('toClient');
    expect(await deleting).toMatchObject({ name: 'ChannelClosedError', outcome: 'unknown' });
    await eventually(() => Promise.resolve(connectionEndpointOf(connection).topology.size === 0));
    expect(await gone('queue', queue)).toBe(true);
  });

  it('K1.2 an auto-delete queue is deleted with a consumer that was aborted before consume-ok', async () => {
    const { connection, channel } = await setUp();
    const queue = harness.name();
    await channel.queueDeclare(queue, { autoDelete: true });
    const stop = new AbortController();
    const consuming = channel.basicConsume(queue, () => {}, { signal: stop.signal });
    stop.abort(new Error('in a hurry'));
    expect((await errorOf(consuming)).message).toBe('in a hurry');
    await eventually(() => Promise.resolve(connectionEndpointOf(connection).topology.size === 0));
    expect(await gone('queue', queue)).toBe(true);
  });

  it('K1.2 an auto-delete queue is deleted with its last consumer, and so are exchanges without another binding', async () => {
    const { connection, channel, lose } = await setUp();
    const [outer, inner, lasting] = [harness.name('outer'), harness.name('inner'), harness.name('lasting')];
    const queue = harness.name();
    await channel.exchangeDeclare(outer, 'fanout', { autoDelete: true });
    await channel.exchangeDeclare(inner, 'fanout', { autoDelete: true });
    await channel.exchangeDeclare(lasting, 'fanout');
    await channel.exchangeBind(inner, outer);
    await channel.exchangeBind(inner, lasting);
    await channel.queueDeclare(queue, { autoDelete: true });
    await channel.queueBind(queue, inner);
    const consumers = [await channel.basicConsume(queue, () => {}), await channel.basicConsume(queue, () => {})];
    await consumers[0]!.cancel();
    await lose();
    expect((await channel.queueDeclare(queue, { passive: true })).consumerCount).toBe(1);
    await channel.publish(outer, '', 'the chain is back', { mandatory: true });
    await consumers[1]!.cancel();
    await eventually(() => gone('exchange', outer));
    expect(connectionEndpointOf(connection).topology.size).toBe(1);
    await lose();
    expect([await gone('queue', queue), await gone('exchange', inner), await gone('exchange', outer)]).toEqual([
      true,
      true,
      true,
    ]);
    expect(await gone('exchange', lasting)).toBe(false);
  });

  it('K1.2 an auto-delete queue is deleted with the channel of its last consumer, however the channel ends', async () => {
    const { connection, channel } = await setUp();
    const ends: ((channel: Channel, queue: string) => Promise<unknown>)[] = [
      async (own, queue) => (await own.basicConsume(queue, () => {}), own.close()),
      async (own, queue) => {
        await own.basicConsume(queue, () => {}, { onCancel: () => {} });
        await channel.queueDelete(queue);
      },
      async (own, queue) => {
        await channel.publish('', queue, 'x');
        for await (const delivery of own.consume(queue)) {
          delivery.ack();
          break;
        }
      },
    ];
    for (const end of ends) {
      const own = await connection.openChannel();
      const queue = harness.name();
      await channel.queueDeclare(queue, { autoDelete: true });
      await end(own, queue);
      await eventually(() => gone('queue', queue));
      expect(connectionEndpointOf(connection).topology.size).toBe(0);
      await own.close();
    }
  });

  it('K1.2 an auto-delete queue is deleted when the broker closes the channel of its consumer, not before', async () => {
    let closed: (() => void) | undefined;
    const server = await harness.server(async (peer) => {
      await peer.handshake();
      const answer = async (): Promise<void> => {
        const { channel, args } = await peer.expect('queue.declare');
        peer.send(channel, 'queue.declareOk', { queue: args.queue, messageCount: 0, consumerCount: 0 });
      };
      await peer.acceptChannel();
      await peer.acceptChannel();
      await answer();
      await peer.acceptConsumer();
      // The queue still exists, so the declaration changes nothing at the broker.
      await answer();
      const { channel } = await peer.expect('channel.close');
      closed = () => peer.send(channel, 'channel.closeOk', {});
      peer.agreeToClose();
      return peer.closed;
    });
    const connection = await harness.connect({ urls: server.url });
    const [channel, other] = [await connection.openChannel(), await connection.openChannel()];
    await channel.queueDeclare('q', { autoDelete: true });
    await channel.basicConsume('q', () => {});
    const closing = channel.close({ timeout: 0 });
    await other.queueDeclare('q', { autoDelete: true });
    await closing;
    expect(connectionEndpointOf(connection).topology.hasQueue('q')).toBe(true);
    await eventually(() => Promise.resolve(closed !== undefined));
    closed!();
    await eventually(() => Promise.resolve(connectionEndpointOf(connection).topology.size === 0));
  });

  it('K1.2 a channel that is not restored removes its auto-delete queues from the record', async () => {
    const { connection, channel, lose } = await setUp();
    const own = await connection.openChannel({ restore: false });
    const queue = harness.name();
    await channel.queueDeclare(queue, { autoDelete: true });
    await own.basicConsume(queue, () => {});
    await lose();
    expect(connectionEndpointOf(connection).topology.size).toBe(0);
    expect(await gone('queue', queue)).toBe(true);
  });

  it('K1.2 entities that never had a consumer or binding stay, as at the broker; a refused consumer does not count', async () => {
    const { connection, channel, lose } = await setUp();
    const [exchange, queue] = [harness.name('x'), harness.name()];
    await channel.exchangeDeclare(exchange, 'direct', { autoDelete: true, durable: false });
    await channel.queueDeclare(queue, { autoDelete: true, durable: false });
    await channel.queueUnbind(queue, exchange, 'never bound');
    await errorOf(channel.basicConsume(queue, () => {}, { arguments: { 'x-priority': 'text' } }));
    expect(connectionEndpointOf(connection).topology.size).toBe(2);
    await lose();
    await channel.queueBind(queue, exchange, 'k');
    await channel.publish(exchange, 'k', 'there', { mandatory: true });
    await channel.queueUnbind(queue, exchange, 'k');
    await eventually(() => gone('exchange', exchange));
    expect(connectionEndpointOf(connection).topology.size).toBe(1);
  });

  it('K1.2 an auto-delete exchange is deleted with its last binding, however the binding ends', async () => {
    const { connection, channel } = await setUp();
    const [source, inner] = [harness.name('x'), harness.name('inner')];
    const take: ((queue: string) => Promise<unknown>)[] = [
      (queue) => channel.queueUnbind(queue, source, 'k', { arguments: { b: 2, a: 1 } }),
      (queue) => channel.queueDelete(queue),
      async () => channel.exchangeDelete(inner),
      async () => channel.exchangeUnbind(inner, source, 'e'),
    ];
    for (const [index, last] of take.entries()) {
      const queue = harness.name();
      await channel.exchangeDeclare(source, 'direct', { autoDelete: true });
      await channel.exchangeDeclare(inner, 'fanout');
      await channel.queueDeclare(queue);
      if (index < 2) await channel.queueBind(queue, source, 'k', { arguments: { a: 1, b: 2 } });
      else await channel.exchangeBind(inner, source, 'e');
      await last(queue);
      await eventually(() => gone('exchange', source));
      await channel.queueDelete(queue);
      await channel.exchangeDelete(inner);
      expect(connectionEndpointOf(connection).topology.size).toBe(0);
    }
  });

  it('K1.2 an auto-delete exchange that came back without its binding is deleted when the binding is given up', async () => {
    const { connection, channel, lose } = await setUp();
    const other = await harness.connect();
    const [exchange, queue] = [harness.name('x'), harness.name()];
    const others = await other.openChannel();
    await others.queueDeclare(queue);
    await channel.exchangeDeclare(exchange, 'fanout', { autoDelete: true });
    await channel.queueBind(queue, exchange);
    await others.queueDelete(queue);
    const failed = eventOf(connection, 'restoreFailed');
    await lose();
    await failed;
    expect(await gone('exchange', exchange)).toBe(false);
    await channel.queueDelete(queue);
    await eventually(() => gone('exchange', exchange));
    await eventually(() => connectionEndpointOf(connection).topology.size === 0);
  });

  it('K1.2 after a channel error the complete chain of auto-delete exchanges is restored', async () => {
    const { channel } = await setUp();
    const [outer, inner, queue, inbox] = [harness.name('outer'), harness.name('inner'), harness.name(), new Inbox<Delivery>()]; // prettier-ignore
    await channel.exchangeDeclare(outer, 'fanout', { autoDelete: true });
    await channel.exchangeDeclare(inner, 'fanout', { autoDelete: true });
    await channel.exchangeBind(inner, outer);
    await channel.queueDeclare(queue, { autoDelete: true });
    await channel.queueBind(queue, inner);
    await channel.basicConsume(queue, inbox.add, { noAck: true });
    const back = eventOf(channel, 'restored');
    await errorOf(channel.queueDeclare(harness.name(), { passive: true }));
    await back;
    await channel.publish(outer, '', 'all of it', { mandatory: true });
    expect((await inbox.next()).text()).toBe('all of it');
  });

  it('K1.2 temporary queues leave no record, and are not restored after a loss', async () => {
    const { connection, channel, lose } = await setUp();
    const exchange = harness.name('x');
    await channel.exchangeDeclare(exchange, 'fanout');
    for (let round = 0; round < 100; round++) {
      const { queue } = await channel.queueDeclare('', { autoDelete: true });
      await channel.queueBind(queue, exchange);
      const consumer = await channel.basicConsume(queue, () => {}, { noAck: true });
      await consumer.cancel();
    }
    expect(connectionEndpointOf(connection).topology.size).toBe(1);
    await lose();
    expect((await errorOf(channel.publish(exchange, '', 'x', { mandatory: true }))).name).toBe('MessageReturnedError');
  });

  it('K1.3 publishes to the default exchange reach a queue by its first name, and the new name is reported', async () => {
    const { connection, channel, lose } = await setUp();
    const { queue } = await channel.queueDeclare('', { exclusive: true });
    const inbox = new Inbox<Delivery>();
    await channel.basicConsume(queue, inbox.add, { noAck: true });
    const renamed = new Inbox<[string, string]>();
    connection.on('queueRenamed', (...names) => renamed.add(names));
    expect(connection.queueName(queue)).toBe(queue);
    for (let loss = 0; loss < 2; loss++) {
      const waiting = new Promise((resolve) => connection.once('disconnected', () => resolve(channel.publish('', queue, 'waited', { mandatory: true })))); // prettier-ignore
      await lose();
      await waiting;
      const name = connection.queueName(queue);
      expect(await renamed.next()).toEqual([queue, name]);
      expect(name).not.toBe(queue);
      await channel.publish('', queue, 'by the known name', { mandatory: true });
      await channel.publish('', name, 'by the new name', { mandatory: true });
      const other = await (await harness.connect()).openChannel({ confirm: true });
      await other.publish('', name, 'from elsewhere', { mandatory: true });
      expect((await inbox.take(4)).map((delivery) => delivery.text())).toEqual([
        'waited',
        'by the known name',
        'by the new name',
        'from elsewhere',
      ]);
    }
    expect(renamed.all).toHaveLength(2);
  });

  it('K1.3 every call accepts the new name as well as the first one, and a return names the first', async () => {
    const { connection, channel, lose } = await setUp();
    const exchange = harness.name('x');
    await channel.exchangeDeclare(exchange, 'direct');
    const { queue } = await channel.queueDeclare('', { exclusive: true });
    await lose();
    await channel.queueBind(connection.queueName(queue), exchange, 'k');
    await lose();
    await channel.publish(exchange, 'k', '1', { mandatory: true });
    expect((await channel.basicGet(connection.queueName(queue), { noAck: true }))?.text()).toBe('1');
    await channel.queueUnbind(connection.queueName(queue), exchange, 'k');
    const deleting = connection.queueName(queue);
    // Both are in one write: the publish finds no queue any more.
    const [, refused] = await Promise.allSettled([
      channel.queueDelete(deleting),
      channel.publish('', queue, 'x', { mandatory: true }),
    ]);
    expect(refused).toMatchObject({ status: 'rejected', reason: { routingKey: queue } });
    await channel.exchangeDelete(exchange);
    expect(connectionEndpointOf(connection).topology.size).toBe(0);
  });

  it('K1.3 an empty name means the queue declared last, after a loss too', async () => {
    const { channel, lose } = await setUp();
    const exchange = harness.name('x');
    await channel.exchangeDeclare(exchange, 'direct');
    const { queue } = await channel.queueDeclare('', { exclusive: true });
    await channel.queueBind('', exchange, 'k');
    await channel.queueBind('', exchange);
    await lose();
    const inbox = new Inbox<Delivery>();
    await channel.basicConsume('', inbox.add, { noAck: true });
    await channel.publish(exchange, 'k', 'bound', { mandatory: true });
    await channel.publish(exchange, queue, 'by its name', { mandatory: true });
    expect((await inbox.take(2)).map((delivery) => delivery.text())).toEqual(['bound', 'by its name']);
    expect(await channel.queuePurge('')).toBe(0);
    await channel.queueDelete('');
  });

  it('K1.4 an exclusive queue that the dead connection still locks is restored once it is free, and reported once', async () => {
    const { connection, proxy } = await harness.connectThroughProxy({ heartbeat: 1 });
    const channel = await connection.openChannel({ confirm: true });
    const consuming = await connection.openChannel();
    const [idle, busy, inbox] = [harness.name('idle'), harness.name('busy'), new Inbox<Delivery>()];
    const exchange = harness.name('x');
    await channel.exchangeDeclare(exchange, 'direct', { autoDelete: true });
    await channel.queueDeclare(idle, { exclusive: true });
    await channel.queueDeclare(busy, { exclusive: true });
    await channel.queueBind(busy, exchange, 'bound');
    await consuming.basicConsume(busy, inbox.add, { noAck: true });
    const [failed, restored] = [new Inbox<string>(), new Inbox<string>()];
    connection.on('restoreFailed', failed.add);
    connection.on('restored', restored.add);
    const back = eventOf(connection, 'reconnected');
    proxy.halfOpen('server');
    await back;
    expect([connection.state, channel.isOpen]).toEqual(['open', true]);
    expect(failed.all).toEqual([`queue '${idle}'`, `queue '${busy}'`]);
    expect((await restored.take(2)).sort()).toEqual([`queue '${busy}'`, `queue '${idle}'`]);
    for (const queue of [idle, busy]) await channel.publish('', queue, queue, { mandatory: true });
    expect((await inbox.next()).text()).toBe(busy);
    // A binding is restored right after its queue.
    const bound = (): Promise<unknown> => channel.publish(exchange, 'bound', 'by its binding', { mandatory: true });
    await eventually(() => bound().then(() => true, () => false)); // prettier-ignore
    expect((await inbox.next()).text()).toBe('by its binding');
    expect([failed.all.length, restored.all.length]).toEqual([2, 2]);
  });

  it('K1 a declaration of the restore is repeated when the broker closes the channel for another reason', async () => {
    const declared: string[] = [];
    const server = await harness.server(async (peer, index) => {
      await peer.handshake();
      const answer = async (): Promise<void> => {
        const { channel, args } = await peer.expect('queue.declare');
        declared.push(args.queue);
        peer.send(channel, 'queue.declareOk', { queue: args.queue, messageCount: 0, consumerCount: 0 });
      };
      if (index === 0) {
        await peer.acceptChannel();
        await answer();
        await answer();
        return peer.socket.destroy();
      }
      peer.agreeToClose();
      const scratch = await peer.acceptChannel();
      await answer();
      await peer.expect('queue.declare');
      const close = { replyCode: 406, replyText: 'PRECONDITION_FAILED - of its own', classId: 0, methodId: 0 };
      peer.send(scratch, 'channel.close', close);
      await peer.acceptChannel();
      await answer();
      await peer.acceptChannel();
      return peer.closed;
    });
    const connection = await harness.connect({ urls: server.url });
    const failed = new Inbox<string>();
    connection.on('restoreFailed', failed.add);
    const channel = await connection.openChannel();
    const back = eventOf(connection, 'reconnected');
    await channel.queueDeclare('a');
    await channel.queueDeclare('b');
    await back;
    expect([declared, failed.all]).toEqual([['a', 'b', 'a', 'b'], []]);
  });

  it('K6.5 with every channel in use, the queue of a cancelled consumer cannot be restored: the consumer ends', async () => {
    const { connection } = await harness.connectThroughProxy({ channelMax: 1 });
    const channel = await connection.openChannel({ confirm: true });
    const [queue, other] = [harness.name(), await (await harness.connect()).openChannel()];
    await channel.queueDeclare(queue);
    const failed = eventOf<[string, Error]>(connection, 'restoreFailed');
    const consumer = await channel.basicConsume(queue, () => {});
    await other.queueDelete(queue);
    expect(await consumer.closed).toMatchObject({ name: 'ConsumerCancelledError', cause: { name: 'NotAllowedError' } });
    expect((await failed)[1].name).toBe('NotAllowedError');
    expect(channel.isOpen).toBe(true);
  });

  it('K6.5 attack 3 with every channel in use, a lost connection and a lost channel get their topology back', async () => {
    const { connection, proxy } = await harness.connectThroughProxy({ channelMax: 2 });
    const [publishing, consuming] = [await connection.openChannel({ confirm: true }), await connection.openChannel()];
    const failed = new Inbox<unknown>();
    connection.on('restoreFailed', (entity) => failed.add(entity));
    const exchange = harness.name('x');
    const arrived = new Inbox<string>();
    await publishing.exchangeDeclare(exchange, 'direct', { durable: false, autoDelete: true });
    const { queue } = await publishing.queueDeclare('', { exclusive: true, autoDelete: true });
    await publishing.queueBind(queue, exchange, 'k');
    await consuming.basicConsume(queue, (delivery) => {
      arrived.add(delivery.text());
      delivery.ack();
    });
    for (const lost of ['connection', 'channel'] as const) {
      const back = eventOf(consuming, 'restored');
      if (lost === 'connection') proxy.cut();
      else await errorOf(consuming.queueDeclare('missing', { passive: true }));
      await back;
      await publishing.publish(exchange, 'k', lost, { mandatory: true });
      expect(await arrived.next()).toBe(lost);
    }
    expect(failed.all).toEqual([]);
    // Every number is in use as before, and none twice.
    expect((await errorOf(connection.openChannel())).name).toBe('NotAllowedError');
    await publishing.close();
    const next = await connection.openChannel();
    expect(next.id).not.toBe(consuming.id);
  });

  it('K6.6 many calls that wait for the connection, or share a signal, keep no listener', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on('warning', onWarning);
    harness.cleanup(() => process.off('warning', onWarning));
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel({ confirm: true });
    const { signal } = new AbortController();
    const [down, back] = [eventOf(connection, 'disconnected'), eventOf(connection, 'reconnected')];
    proxy.cut();
    await down;
    const listeners = connection.listenerCount('reconnected');
    const waiting = Array.from({ length: 20 }, () => connection.openChannel({ signal }));
    const published = Array.from({ length: 20 }, () => channel.publish('', 'nowhere', '', { signal }));
    expect(connection.listenerCount('reconnected')).toBe(listeners);
    expect(getEventListeners(signal, 'abort').length).toBeLessThanOrEqual(1);
    await back;
    await Promise.all([...waiting, ...published]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    expect(warnings).toEqual([]);
  });

  it('K1 attack 4 an unbind whose arguments are equal on the wire is remembered over a loss', async () => {
    const { channel, lose } = await setUp();
    const [queue, exchange] = [harness.name(), harness.name('x')];
    await channel.exchangeDeclare(exchange, 'headers');
    await channel.queueDeclare(queue);
    const pairs: readonly (readonly [FieldTable, FieldTable])[] = [
      [{ a: 7 }, { a: typed('int32', 7) }],
      [{ b: 1, none: undefined }, { b: 1 }],
      [
        { c: 1, d: 2 },
        { d: 2, c: 1 },
      ],
      [{ e: new Date(1_000) }, { e: new Date(1_500) }],
      [{ f: 2n ** 40n }, { f: 2 ** 40 }],
    ];
    for (const [bound, unbound] of pairs) {
      await channel.queueBind(queue, exchange, '', { arguments: { 'x-match': 'all', ...bound } });
      await channel.queueUnbind(queue, exchange, '', { arguments: { 'x-match': 'all', ...unbound } });
    }
    const headers = Object.assign({}, ...pairs.map(([, table]) => table)) as FieldTable;
    const publish = () => errorOf(channel.publish(exchange, '', 'x', { mandatory: true, headers }));
    expect((await publish()).name).toBe('MessageReturnedError');
    await lose();
    expect((await publish()).name).toBe('MessageReturnedError');
  });

  it('K1 two bindings that differ only in their arguments are both restored', async () => {
    const { channel, lose } = await setUp();
    const [exchange, queue] = [harness.name('x'), harness.name()];
    await channel.exchangeDeclare(exchange, 'headers', { autoDelete: true, durable: false });
    await channel.queueDeclare(queue, { exclusive: true });
    await channel.queueBind(queue, exchange, '', { arguments: { 'x-match': 'all', tenant: 1 } });
    await channel.queueBind(queue, exchange, '', { arguments: { 'x-match': 'all', tenant: 2 } });
    await lose();
    for (const tenant of [1, 2]) await channel.publish(exchange, '', '', { headers: { tenant }, mandatory: true });
    expect((await channel.queueDeclare(queue, { passive: true })).messageCount).toBe(2);
  });
});
