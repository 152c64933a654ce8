import { describe, expect, it } from '@jest/globals';
import { Deferred } from '../../lib/client/timing/deferred.js';
import type { Delivery } from '../../lib/client/index.js';
import { errorOf, eventOf, eventually, useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';

describe('B8 prefetch per consumer, concurrency', () => {
  const harness = useClientHarness();

  /** Resolves when all deliveries of the broker have arrived, since it answers in order. */
  const settled = (channel: { queueDeclare(queue: string, options: object): Promise<unknown> }, queue: string) =>
    channel.queueDeclare(queue, { passive: true });

  it('B8 two consumers of a channel and the channel itself have separate prefetches, which survive a reconnect', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel({ confirm: true, prefetch: 3 });
    const queues = [harness.name(), harness.name(), harness.name()] as const;
    const inboxes = queues.map(() => new Inbox<Delivery>());
    for (const queue of queues) {
      await channel.queueDeclare(queue);
      for (let n = 0; n < 8; n++) await channel.publish('', queue, `${n}`);
    }
    await channel.basicConsume(queues[0], inboxes[0]!.add, { prefetch: 2 });
    await channel.basicConsume(queues[1], inboxes[1]!.add);
    await channel.basicConsume(queues[2], inboxes[2]!.add, { prefetch: 5 });
    await settled(channel, queues[0]);
    expect(inboxes.map(({ all }) => all.length)).toEqual([2, 3, 5]);

    inboxes[0]!.all[0]!.ack();
    inboxes[1]!.all[2]!.ack();
    const more = await Promise.all([inboxes[0]!.take(3), inboxes[1]!.take(4)]);
    await settled(channel, queues[0]);
    expect(more.map((deliveries) => deliveries.at(-1)!.text())).toEqual(['2', '3']);
    expect(inboxes.map(({ all }) => all.length)).toEqual([3, 4, 5]);

    const back = eventOf(connection, 'reconnected');
    proxy.cut();
    await back;
    await settled(channel, queues[0]);
    expect(inboxes.map(({ all }) => all.length)).toEqual([3 + 2, 4 + 3, 5 + 5]);
  });

  it('B8 prefetch 0 of a consumer means no limit, and overrides that of the channel', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true, prefetch: 1 });
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    for (let n = 0; n < 20; n++) await channel.publish('', queue, `${n}`);
    const inbox = new Inbox<Delivery>();
    await channel.basicConsume(queue, inbox.add, { prefetch: 0 });
    await inbox.take(20);
  });

  it('B8 a prefetch holds from its call on, also after a consumer with its own prefetch and a loss', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel({ confirm: true, prefetch: 4 });
    const [own, follows] = [harness.name(), harness.name()];
    const inboxes = [new Inbox<Delivery>(), new Inbox<Delivery>()] as const;
    for (const queue of [own, follows]) {
      await channel.queueDeclare(queue);
      for (let n = 0; n < 8; n++) await channel.publish('', queue, `${n}`);
    }
    const stop = new AbortController();
    const asked = errorOf(channel.basicQos(2, { signal: stop.signal }));
    const consuming = [
      channel.basicConsume(own, inboxes[0].add, { prefetch: 5 }),
      channel.basicConsume(follows, inboxes[1].add),
    ];
    // The broker applies it nevertheless.
    stop.abort(new Error('nobody waits for it'));
    expect((await asked).message).toBe('nobody waits for it');
    await Promise.all(consuming);
    await settled(channel, own);
    expect(inboxes.map(({ all }) => all.length)).toEqual([5, 2]);

    const back = eventOf(connection, 'reconnected');
    proxy.cut();
    await back;
    await settled(channel, own);
    expect(inboxes.map(({ all }) => all.length)).toEqual([5 + 5, 2 + 2]);
  });

  it.each([
    [1, 50],
    [50, 1],
    [1, 0],
  ])(
    'B8 attack 2 consumers from between prefetch(%i) and prefetch(%i) keep theirs after a loss',
    async (first, second) => {
      const { connection, proxy } = await harness.connectThroughProxy();
      const channel = await connection.openChannel({ confirm: true });
      const queues = [harness.name(), harness.name()] as const;
      const inboxes = [new Inbox<Delivery>(), new Inbox<Delivery>()] as const;
      for (const queue of queues) {
        await channel.queueDeclare(queue);
        await Promise.all(Array.from({ length: 60 }, (_, n) => channel.publish('', queue, `${n}`)));
      }
      await channel.basicQos(first);
      await channel.basicConsume(queues[0], inboxes[0].add);
      await channel.basicQos(second);
      await channel.basicConsume(queues[1], inboxes[1].add);
      await inboxes[1].take(second || 60);
      await settled(channel, queues[0]);
      const held = [first, second || 60];
      expect(inboxes.map(({ all }) => all.length)).toEqual(held);

      const back = eventOf(connection, 'reconnected');
      proxy.cut();
      await back;
      await settled(channel, queues[0]);
      await inboxes[1].take(second || 60);
      expect(inboxes.map(({ all }) => all.length)).toEqual(held.map((count) => 2 * count));
    },
  );

  it('B8 attack 2 a consumer that comes back by itself keeps its prefetch', async () => {
    const { connection } = await harness.connectThroughProxy();
    const channel = await connection.openChannel({ confirm: true });
    const queue = harness.name();
    const inbox = new Inbox<Delivery>();
    await channel.queueDeclare(queue);
    await channel.basicQos(2);
    await channel.basicConsume(queue, inbox.add);
    await channel.basicQos(9);
    const other = await (await harness.connect()).openChannel();
    await other.queueDelete(queue);
    await eventually(async () => (await channel.queueDeclare(queue)).consumerCount === 1);
    for (let n = 0; n < 12; n++) await channel.publish('', queue, `${n}`);
    await settled(channel, queue);
    expect(inbox.all).toHaveLength(2);
  });

  it('B8 a prefetch that the broker refuses is discarded: the restored channel has the previous one', async () => {
    const prefetches: number[] = [];
    const server = await harness.server(async (peer) => {
      await peer.handshake();
      const answer = async (): Promise<void> => {
        const { channel, args } = await peer.expect('basic.qos');
        prefetches.push(args.prefetchCount);
        peer.send(channel, 'basic.qosOk', {});
      };
      const channel = await peer.acceptChannel();
      await answer();
      await answer();
      await peer.expect('basic.qos');
      const close = { replyCode: 406, replyText: 'PRECONDITION_FAILED - of this', classId: 60, methodId: 10 };
      peer.send(channel, 'channel.close', close);
      await peer.acceptChannel();
      await answer();
      return peer.closed;
    });
    const channel = await (await harness.connect({ urls: server.url })).openChannel({ prefetch: 4 });
    await channel.basicQos(3);
    const restored = eventOf(channel, 'restored');
    expect(await errorOf(channel.basicQos(9))).toMatchObject({ replyCode: 406, method: 'basic.qos' });
    await restored;
    expect(prefetches).toEqual([4, 3, 3]);
  });

  it('B8 concurrency limits the handlers that run at once; further deliveries wait in order', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    for (let n = 0; n < 12; n++) await channel.publish('', queue, `${n}`);
    let [running, most] = [0, 0];
    const begun: string[] = [];
    const gates = Array.from({ length: 12 }, () => new Deferred<void>());
    const done = new Inbox<string>();
    const consumer = await channel.basicConsume(
      queue,
      async (delivery) => {
        most = Math.max(most, ++running);
        begun.push(delivery.text());
        await gates[Number(delivery.text())]!.promise;
        running--;
        delivery.ack();
        done.add(delivery.text());
      },
      { concurrency: 3 },
    );
    await settled(channel, queue);
    expect(begun).toEqual(['0', '1', '2']);
    expect(consumer.inFlight).toBe(12);
    gates[1]!.resolve();
    await done.next();
    expect(begun).toEqual(['0', '1', '2', '3']);
    for (const gate of gates) gate.resolve();
    await done.take(11);
    expect(begun).toEqual(Array.from({ length: 12 }, (_, n) => `${n}`));
    expect(most).toBe(3);
  });

  it('B8 a handler that throws or rejects makes room for the next, and its error is reported', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    for (const text of ['throws', 'rejects', 'fine']) await channel.publish('', queue, text);
    const failures = new Inbox<string>();
    channel.on('handlerError', (error, delivery) => failures.add(`${delivery.text()}: ${(error as Error).message}`));
    const fine = new Deferred<void>();
    await channel.basicConsume(
      queue,
      (delivery) => {
        if (delivery.text() === 'throws') throw new Error('one');
        if (delivery.text() === 'rejects') return Promise.reject(new Error('two'));
        return fine.resolve();
      },
      { concurrency: 1, noAck: true },
    );
    await fine.promise;
    expect(failures.all).toEqual(['throws: one', 'rejects: two']);
    expect(channel.isOpen).toBe(true);
  });
});
