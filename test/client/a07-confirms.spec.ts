import { describe, expect, it } from '@jest/globals';
import { PublishNackedError, type Channel } from '../../lib/client/index.js';
import { errorOf, useClientHarness } from './support/client-harness.js';
import type { Peer } from './support/scripted-server.js';

type Confirm = [kind: 'ack' | 'nack', deliveryTag: number, multiple: boolean];

describe('A7 publisher confirms', () => {
  const harness = useClientHarness();

  /** Opens a confirm channel to a server that sends the confirms of the test. */
  async function scripted(): Promise<{ channel: Channel; confirm: (confirms: Confirm[]) => void }> {
    let peer!: Peer;
    const server = await harness.server(async (client) => {
      peer = client;
      await client.handshake();
      const channel = await client.acceptChannel();
      await client.expect('confirm.select');
      client.send(channel, 'confirm.selectOk', {});
      client.agreeToClose();
    });
    const channel = await (await harness.connect({ urls: server.url })).openChannel({ confirm: true });
    return {
      channel,
      confirm(confirms) {
        for (const [kind, deliveryTag, multiple] of confirms) {
          if (kind === 'ack') peer.send(channel.id, 'basic.ack', { deliveryTag, multiple });
          else peer.send(channel.id, 'basic.nack', { deliveryTag, multiple, requeue: false });
        }
      },
    };
  }

  it('A7 confirmSelect turns them on; a publish resolves with its delivery tag, many in flight', async () => {
    const channel = await (await harness.connect()).openChannel();
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    expect(await channel.publish('', queue, 'unconfirmed')).toBe(0);
    expect(channel.confirming).toBe(false);
    await channel.confirmSelect();
    await channel.confirmSelect(); // again is nothing
    expect(channel.confirming).toBe(true);
    const tags = await Promise.all(Array.from({ length: 500 }, (_, n) => channel.publish('', queue, `${n}`)));
    expect(tags).toEqual(Array.from({ length: 500 }, (_, n) => n + 1));
    expect((await channel.queueDeclare(queue, { passive: true })).messageCount).toBe(501);
  });

  it('A7 a publish after confirmSelect is confirmed, also before the answer to confirmSelect', async () => {
    const channel = await (await harness.connect()).openChannel();
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    const selected = channel.confirmSelect();
    const tags = await Promise.all([channel.publish('', queue, '1'), channel.publish('', queue, '2')]);
    await selected;
    expect([...tags, await channel.publish('', queue, '3')]).toEqual([1, 2, 3]);
  });

  it('A7 waitForConfirms resolves once all are confirmed', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel({ confirm: true });
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    await channel.waitForConfirms(); // nothing to wait for
    proxy.stall('toClient');
    let settled = 0;
    const publishes = Array.from({ length: 20 }, () => channel.publish('', queue, 'x').then(() => settled++));
    const all = channel.waitForConfirms();
    expect(await errorOf(channel.waitForConfirms({ timeout: 20 }))).toMatchObject({ name: 'TimeoutError' });
    expect(settled).toBe(0);
    proxy.resume();
    await all;
    expect(settled).toBe(20);
    await Promise.all(publishes);
  });

  it('A7 attack 7 waitForConfirms and close() do not wait for a publish that has its outcome', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel({ confirm: true });
    proxy.stall('toServer');
    const stop = new AbortController();
    const publishes = [
      errorOf(channel.publish('', 'nowhere', 'late', { timeout: 40 })),
      errorOf(channel.publish('', 'nowhere', 'aborted', { signal: stop.signal })),
    ];
    const early = channel.waitForConfirms({ timeout: Infinity });
    expect(await publishes[0]).toMatchObject({ name: 'PublishTimeoutError', outcome: 'unknown' });
    stop.abort(new Error('no longer'));
    expect((await publishes[1])?.message).toBe('no longer');
    await early;
    await channel.waitForConfirms({ timeout: Infinity });

    const closing = channel.close({ timeout: Infinity });
    proxy.resume();
    await closing;
    await connection.close();
  });

  it('A7 attack 7 close() says goodbye though a publish that has its outcome is never confirmed', async () => {
    const { channel } = await scripted();
    expect((await errorOf(channel.publish('', 'nowhere', 'late', { timeout: 40 }))).name).toBe('PublishTimeoutError');
    await channel.close({ timeout: 60_000 });
  });

  it('A7 events ack and nack carry (deliveryTag, multiple)', async () => {
    const { channel, confirm } = await scripted();
    const events: Confirm[] = [];
    channel.on('ack', (tag, multiple) => events.push(['ack', tag, multiple]));
    channel.on('nack', (tag, multiple) => events.push(['nack', tag, multiple]));
    const outcomes = Promise.allSettled([1, 2, 3, 4].map((n) => channel.publish('', 'q', `${n}`)));
    const confirms: Confirm[] = [
      ['ack', 2, true],
      ['nack', 3, false],
      ['ack', 4, false],
    ];
    confirm(confirms);
    expect((await outcomes).map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
    expect(events).toEqual(confirms);
  });

  it('A7 acks out of order and with multiple confirm exactly what they cover', async () => {
    const { channel, confirm } = await scripted();
    const settled: number[] = [];
    const publishes = Array.from({ length: 10 }, (_, n) =>
      channel.publish('', 'q', `${n}`).then((tag) => void settled.push(tag)),
    );
    const after = async (...confirms: Confirm[]): Promise<number[]> => {
      const seen = new Promise((resolve) => channel.once('ack', resolve));
      confirm(confirms);
      await seen;
      await new Promise((resolve) => setImmediate(resolve));
      return settled.splice(0);
    };
    expect(await after(['ack', 5, false])).toEqual([5]);
    expect(await after(['ack', 3, true])).toEqual([1, 2, 3]);
    // An older tag is repeated, and covers no further publish.
    expect(await after(['ack', 3, true])).toEqual([]);
    expect(await after(['ack', 10, false])).toEqual([10]);
    expect(await after(['ack', 6, true])).toEqual([4, 6]);
    // A tag that was never used confirms nothing, not even the next publish.
    expect(await after(['ack', 12, false])).toEqual([]);
    expect(await after(['ack', 9, true])).toEqual([7, 8, 9]);
    await Promise.all(publishes);
    const eleventh = channel.publish('', 'q', 'x');
    expect(await after(['ack', 11, false])).toEqual([]);
    expect(await eleventh).toBe(11);
  });

  it('A7 a nack rejects only its message; with multiple, those that it covers', async () => {
    const { channel, confirm } = await scripted();
    const outcomes = Promise.allSettled([1, 2, 3, 4, 5].map((n) => channel.publish('', 'q', `${n}`)));
    confirm([
      ['nack', 2, false],
      ['ack', 3, true],
      ['nack', 5, true],
    ]);
    const settled = await outcomes;
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected', 'rejected']);
    for (const outcome of settled) {
      if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(PublishNackedError);
    }
  });

  it('A7 RabbitMQ nacks what a full queue refuses', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const queue = harness.name();
    const limits = { 'x-max-length': 1, 'x-overflow': 'reject-publish' };
    await channel.queueDeclare(queue, { exclusive: true, arguments: limits });
    await channel.publish('', queue, 'fits');
    expect(await errorOf(channel.publish('', queue, 'does not'))).toBeInstanceOf(PublishNackedError);
    await channel.queuePurge(queue);
    await channel.publish('', queue, 'fits again');
  });

  it('A7 twenty thousand publishes in flight, beyond maxUnconfirmed: all resolve, in order', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true, maxUnconfirmed: 1_000 });
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    const tags = await Promise.all(Array.from({ length: 20_000 }, () => channel.publish('', queue, 'x')));
    expect(tags.every((tag, index) => tag === index + 1)).toBe(true);
    expect((await channel.queueDeclare(queue, { passive: true })).messageCount).toBe(20_000);
  });
});
