import { describe, expect, it } from '@jest/globals';
import type { Channel, ChannelOptions, Connection } from '../../lib/client/index.js';
import { PublishRefusedError, PublishTimeoutError } from '../../lib/client/index.js';
import type { TcpProxy } from '../support/tcp-proxy.js';
import { errorOf, eventOf, useClientHarness } from './support/client-harness.js';

describe('B4 buffering while disconnected', () => {
  const harness = useClientHarness();

  async function disconnected(
    options: ChannelOptions,
  ): Promise<{ channel: Channel; connection: Connection; proxy: TcpProxy; queue: string }> {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel({ confirm: true, ...options });
    const queue = harness.name();
    await channel.queueDeclare(queue);
    const lost = eventOf(connection, 'disconnected');
    proxy.refuse();
    proxy.cut();
    await lost;
    return { channel, connection, proxy, queue };
  }

  it('B4 publishes wait, and are sent in order after the reconnect', async () => {
    const { channel, proxy, queue } = await disconnected({});
    let done = 0;
    const publishes = Array.from({ length: 50 }, (_, n) => channel.publish('', queue, `${n}`).then(() => done++));
    await new Promise((resolve) => setImmediate(resolve));
    expect(done).toBe(0);
    await proxy.accept();
    await Promise.all(publishes);
    for (let n = 0; n < 50; n++) expect((await channel.basicGet(queue, { noAck: true }))!.text()).toBe(`${n}`);
  });

  it('B4 publishes wait no longer than their deadline: outcome not-sent, and they are never sent', async () => {
    const { channel, connection, proxy, queue } = await disconnected({ publishTimeout: 40 });
    const error = await errorOf<PublishTimeoutError>(channel.publish('', queue, 'late'));
    expect(error).toBeInstanceOf(PublishTimeoutError);
    expect(error.outcome).toBe('not-sent');
    const back = eventOf(connection, 'reconnected');
    await proxy.accept();
    await back;
    expect((await channel.queueDeclare(queue, { passive: true })).messageCount).toBe(0);
  });

  it('B4 no more publishes wait than maxWaiting, and no more bytes than maxWaitingBytes', async () => {
    const { channel, proxy, queue } = await disconnected({ maxWaiting: 2, maxWaitingBytes: 100 });
    const waiting = [channel.publish('', queue, 'one')];
    const large = await errorOf<PublishRefusedError>(channel.publish('', queue, Buffer.alloc(98)));
    expect(large).toBeInstanceOf(PublishRefusedError);
    expect(large.outcome).toBe('not-sent');
    waiting.push(channel.publish('', queue, 'two'));
    const third = await errorOf(channel.publish('', queue, 'three'));
    expect(third).toBeInstanceOf(PublishRefusedError);
    expect(third.message).toMatch(/2 publishes wait already.*maxWaiting/);
    await proxy.accept();
    await Promise.all(waiting);
    expect((await channel.queueDeclare(queue, { passive: true })).messageCount).toBe(2);
  });

  it('B4 publishes that timed out or were aborted make room', async () => {
    const { channel, proxy, queue } = await disconnected({ maxWaiting: 1 });
    expect(await errorOf(channel.publish('', queue, 'one', { timeout: 20 }))).toBeInstanceOf(PublishTimeoutError);
    const abort = new AbortController();
    const second = errorOf(channel.publish('', queue, 'two', { signal: abort.signal }));
    abort.abort(new Error('enough'));
    expect((await second).message).toBe('enough');
    // Every publish has its outcome already, so the wait for confirms ends too.
    await channel.waitForConfirms({ timeout: 1_000 });
    const third = channel.publish('', queue, 'three');
    await proxy.accept();
    await third;
    expect((await channel.basicGet(queue, { noAck: true }))!.text()).toBe('three');
  });

  it("B4 whenUnavailable: 'fail' refuses at once", async () => {
    const { channel, connection, proxy, queue } = await disconnected({ whenUnavailable: 'fail' });
    const error = await errorOf<PublishRefusedError>(channel.publish('', queue, 'x'));
    expect(error).toBeInstanceOf(PublishRefusedError);
    expect(error.outcome).toBe('not-sent');
    const back = eventOf(connection, 'reconnected');
    await proxy.accept();
    await back;
    await channel.publish('', queue, 'y');
  });

  it('B4 waiting publishes are settled when the connection is closed', async () => {
    const { channel, connection, queue } = await disconnected({});
    const waiting = errorOf<PublishRefusedError>(channel.publish('', queue, 'x'));
    await connection.close();
    expect(await waiting).toMatchObject({ outcome: 'not-sent' });
  });
});
