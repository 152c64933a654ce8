import { describe, expect, it } from '@jest/globals';
import { eventOf, errorOf, useClientHarness } from './support/client-harness.js';
import {
  ChannelClosedError,
  EncodingError,
  NotImplementedError,
  PreconditionFailedError,
  type Delivery,
} from '../../lib/client/index.js';
import { Inbox } from '../support/inbox.js';
import type { Peer } from './support/scripted-server.js';

describe('A23 transactions', () => {
  const harness = useClientHarness();

  it('A23 tx: publishes take effect with the commit, and not with a rollback', async () => {
    const connection = await harness.connect();
    const [channel, other] = [await connection.openChannel(), await connection.openChannel()];
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    await channel.txSelect();
    await channel.publish('', queue, 'first');
    await channel.txRollback();
    await channel.publish('', queue, 'second');
    expect(await other.basicGet(queue, { noAck: true })).toBeUndefined();
    await channel.txCommit();
    expect((await other.basicGet(queue, { noAck: true }))!.text()).toBe('second');
    expect(await other.basicGet(queue, { noAck: true })).toBeUndefined();
  });

  it('A23 tx: acks too', async () => {
    const connection = await harness.connect();
    const [channel, other] = [await connection.openChannel(), await connection.openChannel()];
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    await channel.publish('', queue, 'x');
    await channel.txSelect();
    (await channel.basicGet(queue))!.ack();
    await channel.txCommit();
    await channel.close();
    expect(await other.basicGet(queue)).toBeUndefined();
  });

  it('A23 tx: a commit covers earlier publishes that were not awaited', async () => {
    const connection = await harness.connect({ writeBufferSize: 1 });
    const channel = await connection.openChannel();
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    await channel.txSelect();
    const publishes = [1, 2, 3].map((n) => channel.publish('', queue, `${n}`));
    await channel.txCommit();
    await Promise.all(publishes);
    const other = await connection.openChannel();
    expect((await other.queueDeclare(queue, { passive: true })).messageCount).toBe(3);
  });

  it('A23 tx: nothing is sent behind a commit before its answer: RabbitMQ would close the connection', async () => {
    let broker!: Peer;
    const server = await harness.server(async (peer) => {
      broker = peer;
      await peer.handshake();
      await peer.acceptChannel();
      await peer.expect('tx.select');
      peer.send(1, 'tx.selectOk', {});
      await peer.acceptConsumer('tag');
      const args = { consumerTag: 'tag', redelivered: false, exchange: '', routingKey: 'q' };
      for (const deliveryTag of [1, 2]) {
        peer.content(1, 'basic.deliver', { ...args, deliveryTag }, {}, Buffer.from('x'));
      }
    });
    const connection = await harness.connect({ urls: server.url });
    const channel = await connection.openChannel();
    await channel.txSelect();
    const inbox = new Inbox<Delivery>();
    await channel.basicConsume('q', inbox.add);
    const [first, second] = await inbox.take(2);
    const commits = [channel.txCommit()];
    await broker.expect('tx.commit');

    first!.ack();
    second!.nack();
    const published = channel.publish('', 'q', 'behind');
    const purged = channel.queuePurge('q');
    const invalid = errorOf(channel.queuePurge('x'.repeat(256)));
    const left = errorOf(channel.queuePurge('nobody waits', { timeout: 0 }));
    await left;
    const other = connection.openChannel();
    await broker.acceptChannel();
    await other;
    const onFirst = () => broker.frames.filter((frame) => frame.kind !== 'heartbeat' && frame.channel === 1);
    const names = () => onFirst().map((frame) => (frame.kind === 'method' ? frame.method.name : frame.kind));
    expect(names().at(-1)).toBe('tx.commit');

    broker.send(1, 'tx.commitOk', {});
    await commits[0];
    expect((await broker.expect('queue.purge')).args.queue).toBe('q');
    broker.send(1, 'queue.purgeOk', { messageCount: 7 });
    expect([await purged, await published]).toEqual([7, 0]);
    expect(await invalid).toBeInstanceOf(EncodingError);
    const behind = names().slice(names().indexOf('tx.commit') + 1);
    expect(behind.filter((name) => name.startsWith('basic.') && name !== 'basic.publish')).toEqual([
      'basic.nack',
      'basic.ack',
    ]);
    expect(behind).toContain('basic.publish');
    expect(behind.filter((name) => name === 'queue.purge')).toHaveLength(1);
    broker.agreeToClose();
  });

  it('A23 tx: commits, rollbacks and settlements at once', async () => {
    const connection = await harness.connect();
    const lost = new Inbox<unknown>();
    connection.on('disconnected', (error) => lost.add(error));
    const channel = await connection.openChannel({ prefetch: 10 });
    const queue = harness.name();
    await channel.queueDeclare(queue);
    await channel.txSelect();
    await channel.basicConsume(queue, (delivery) => delivery.nack({ requeue: false }));
    const all: Promise<unknown>[] = [];
    for (let n = 0; n < 50; n++) {
      all.push(channel.publish('', queue, `${n}`, { deliveryMode: 2 }));
      all.push(n % 7 === 6 ? channel.txRollback() : channel.txCommit());
    }
    await Promise.all(all);
    await channel.close();
    expect(lost.all).toEqual([]);
  });

  it('A23 tx: a loss breaks the transaction: the next commit rejects, and nothing of it takes effect', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel();
    const other = await (await harness.connect()).openChannel();
    const queue = harness.name();
    await other.queueDeclare(queue);
    await channel.txSelect();
    await channel.publish('', queue, 'before the loss');
    const back = eventOf(connection, 'reconnected');
    proxy.cut();
    await back;
    await channel.publish('', queue, 'after the loss');
    const error = await errorOf(channel.txCommit());
    expect(error).toBeInstanceOf(ChannelClosedError);
    expect(error).toMatchObject({ outcome: 'not-sent' });
    await channel.publish('', queue, 'again');
    await channel.txCommit();
    expect((await other.basicGet(queue, { noAck: true }))!.text()).toBe('again');
    expect(await other.basicGet(queue, { noAck: true })).toBeUndefined();
  });

  it('A23 tx: a rollback after a loss begins a new transaction, also after an error of the channel', async () => {
    const connection = await harness.connect();
    const [channel, other] = [await connection.openChannel(), await connection.openChannel()];
    const queue = harness.name();
    await other.queueDeclare(queue, { exclusive: true });
    await channel.txSelect();
    await channel.publish('', queue, 'lost');
    await errorOf(channel.queueDeclare(harness.name(), { passive: true }));
    await channel.txRollback();
    await channel.publish('', queue, 'kept');
    expect((await other.queueDeclare(queue, { passive: true })).messageCount).toBe(0);
    await channel.txCommit();
    expect((await other.basicGet(queue, { noAck: true }))!.text()).toBe('kept');
  });

  it('A23 tx: a commit whose answer is lost is unknown, and the next transaction is not affected', async () => {
    let peers = 0;
    const answered = new Inbox<string>();
    const server = await harness.server(async (peer) => {
      const first = ++peers === 1;
      await peer.handshake();
      await peer.acceptChannel();
      await peer.expect('tx.select');
      peer.send(1, 'tx.selectOk', {});
      await peer.expect('tx.commit');
      if (first) return void peer.socket.destroy();
      peer.send(1, 'tx.commitOk', {});
      answered.add('committed');
      peer.agreeToClose();
    });
    const connection = await harness.connect({ urls: server.url });
    const channel = await connection.openChannel();
    await channel.txSelect();
    const back = eventOf(connection, 'reconnected');
    expect(await errorOf(channel.txCommit())).toMatchObject({ name: 'ConnectionLostError', outcome: 'unknown' });
    await back;
    await channel.txCommit();
    expect(answered.all).toEqual(['committed']);
  });

  it('A23 tx and confirms exclude each other with a typed error', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const error = await errorOf(channel.txSelect());
    expect(error).toBeInstanceOf(PreconditionFailedError);
    expect(error['method']).toBe('tx.select');
    const noTx = await errorOf(channel.txCommit());
    expect(noTx).toBeInstanceOf(PreconditionFailedError);
  });
});

describe('A23 basic.get', () => {
  const harness = useClientHarness();

  it('A23 get: resolves with one message and its metadata, or undefined', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const [exchange, queue] = [harness.name('x'), harness.name()];
    await channel.exchangeDeclare(exchange, 'fanout');
    await channel.queueDeclare(queue, { exclusive: true });
    await channel.queueBind(queue, exchange);
    expect(await channel.basicGet(queue)).toBeUndefined();

    await channel.publish(exchange, 'some.key', 'one', { messageId: 'id' });
    const first = (await channel.basicGet(queue))!;
    expect(first).toMatchObject({
      exchange,
      routingKey: 'some.key',
      redelivered: false,
      consumerTag: '',
      settled: false,
    });
    expect(first.properties).toEqual({ messageId: 'id' });
    first.nack();
    const again = (await channel.basicGet(queue, { noAck: true }))!;
    expect(again).toMatchObject({ redelivered: true, settled: true });
    expect(await channel.basicGet(queue)).toBeUndefined();
  });

  it('A23 get: many calls at once are answered in order', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    for (let n = 0; n < 5; n++) await channel.publish('', queue, `${n}`);
    const got = await Promise.all(Array.from({ length: 7 }, () => channel.basicGet(queue, { noAck: true })));
    expect(got.map((delivery) => delivery?.text())).toEqual(['0', '1', '2', '3', '4', undefined, undefined]);
  });
});

describe('A23 flow', () => {
  const harness = useClientHarness();

  it('A23 flow: a request for the current state is answered; RabbitMQ refuses to pause', async () => {
    const connection = await harness.connect();
    const channel = await connection.openChannel();
    expect(await channel.channelFlow(true)).toBe(true);
    const back = eventOf(connection, 'reconnected');
    const error = await errorOf(channel.channelFlow(false));
    expect(error instanceof NotImplementedError || error.cause instanceof NotImplementedError).toBe(true);
    await back;
  });

  it('A23 flow: a broker that pauses the channel is answered, and publishes wait until it resumes', async () => {
    let broker!: Peer;
    const server = await harness.server(async (peer) => {
      broker = peer;
      await peer.handshake();
      await peer.acceptChannel();
      peer.agreeToClose();
      peer.send(1, 'channel.flow', { active: false });
    });
    const connection = await harness.connect({ urls: server.url });
    const channel = await connection.openChannel();
    expect((await broker.expect('channel.flowOk')).args.active).toBe(false);

    const published: number[] = [];
    const waiting = [1, 2].map(async (n) => {
      await channel.publish('', 'q', `${n}`);
      published.push(n);
    });
    const late = await errorOf(channel.publish('', 'q', 'late', { timeout: 20 }));
    expect(late).toMatchObject({ name: 'PublishTimeoutError', outcome: 'not-sent' });
    expect(late.message).toMatch(/channel\.flow/);
    expect(published).toEqual([]);
    expect(broker.frames.some((frame) => frame.kind === 'body')).toBe(false);

    broker.send(1, 'channel.flow', { active: true });
    await Promise.all(waiting);
    expect(published).toEqual([1, 2]);
    for (const text of ['1', '2']) {
      const body = await broker.next((frame) => frame.kind === 'body');
      expect('payload' in body && body.payload.toString()).toBe(text);
    }
  });
});
