import { describe, expect, it } from '@jest/globals';
import { getEventListeners, setMaxListeners } from 'node:events';
import { typed } from '../../lib/client/index.js';
import { errorOf, eventOf, useClientHarness } from './support/client-harness.js';

describe('C3 AbortSignal on everything that waits', () => {
  const harness = useClientHarness();

  it('C3 every wait ends with the reason, started work is undone, no listener is left', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel({ confirm: true });
    const transactional = await connection.openChannel();
    await transactional.txSelect();
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    const consumer = await channel.basicConsume(queue, () => undefined);
    const abort = new AbortController();
    const { signal } = abort;
    setMaxListeners(50, signal);
    proxy.stall();
    const waits = {
      publish: channel.publish('', queue, 'x', { signal }),
      waitForConfirms: channel.waitForConfirms({ signal }),
      exchangeDeclare: channel.exchangeDeclare('amq.direct', 'direct', { passive: true, signal }),
      exchangeDelete: channel.exchangeDelete(harness.name('x'), { signal }),
      exchangeBind: channel.exchangeBind('amq.fanout', 'amq.direct', 'k', { signal }),
      exchangeUnbind: channel.exchangeUnbind('amq.fanout', 'amq.direct', 'k', { signal }),
      queueDeclare: channel.queueDeclare(queue, { passive: true, signal }),
      queueBind: channel.queueBind(queue, 'amq.direct', 'k', { signal }),
      queueUnbind: channel.queueUnbind(queue, 'amq.direct', 'k', { signal }),
      queuePurge: channel.queuePurge(queue, { signal }),
      basicQos: channel.basicQos(5, { signal }),
      basicConsume: channel.basicConsume(queue, () => undefined, { signal }),
      basicGet: channel.basicGet(queue, { signal }),
      basicCancel: channel.basicCancel(consumer.consumerTag, { signal }),
      basicRecover: channel.basicRecover({ signal }),
      channelFlow: channel.channelFlow(true, { signal }),
      txCommit: transactional.txCommit({ signal }),
      txRollback: transactional.txRollback({ signal }),
      updateSecret: connection.updateSecret('guest', 'why', { signal }),
      drainEvents: connection.drainEvents({ signal }),
      openChannel: connection.openChannel({ signal }),
    };
    const reason = new Error('enough');
    abort.abort(reason);
    for (const [name, wait] of Object.entries(waits)) expect([name, await errorOf(wait)]).toEqual([name, reason]);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    proxy.resume();
    // Late replies are read and dropped; the channel still works.
    await channel.publish('', queue, 'y');
    expect(channel.isOpen).toBe(true);
  });

  it('C3 while the connection is lost, too', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel({ confirm: true });
    proxy.refuse();
    proxy.cut();
    await eventOf(connection, 'disconnected');
    const abort = new AbortController();
    const { signal } = abort;
    const waits = [
      channel.publish('', 'q', 'x', { signal }),
      channel.queueDeclare('q', { signal }),
      channel.basicGet('q', { signal }),
      channel.basicConsume('q', () => undefined, { signal }),
      connection.openChannel({ signal }),
    ];
    abort.abort(new Error('enough'));
    for (const wait of waits) expect((await errorOf(wait)).message).toBe('enough');
  });

  it('C3 an aborted no-ack consumer does not close its channel', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel({ confirm: true });
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    await channel.publish('', queue, 'x');
    const abort = new AbortController();
    proxy.stall('toClient');
    const consuming = errorOf(channel.basicConsume(queue, () => undefined, { noAck: true, signal: abort.signal }));
    abort.abort(new Error('enough'));
    expect((await consuming).message).toBe('enough');
    let lost = 0;
    channel.on('lost', () => lost++);
    proxy.resume();
    // A delivery for the aborted consumer must not be settled: its tag is unknown, and would close the channel.
    await channel.publish('', queue, 'y');
    await channel.basicQos(1);
    expect(lost).toBe(0);
  });
});

describe('C4 lossless 64-bit integers', () => {
  const harness = useClientHarness();

  it('C4 pass through a real broker, at every boundary value', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    const edges = [2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n, 2n ** 53n + 1n, -(2n ** 53n) - 1n];
    const safe = [2 ** 53 - 1, -(2 ** 53) + 1, 2 ** 31, -(2 ** 31) - 1, 0];
    const forced = [typed('int64', 5), typed('int64', 2n ** 60n)];
    await channel.publish('', queue, '', { headers: { edges, safe, forced } });
    const { headers } = (await channel.basicGet(queue, { noAck: true }))!.properties;
    expect(headers).toEqual({ edges, safe, forced: [5, 2n ** 60n] });
  });
});
