import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Deferred } from '../../lib/client/timing/deferred.js';
import type { Connection, Delivery } from '../../lib/client/index.js';
import { PublishRefusedError, PublishTimeoutError } from '../../lib/client/index.js';
import { startRabbitMq, type RabbitMq } from '../support/rabbitmq.js';
import { errorOf, eventOf, eventually, useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';

let rabbit: RabbitMq;

beforeAll(async () => {
  rabbit = await startRabbitMq({ source: 'local' });
});
afterAll(() => rabbit?.stop());

/** Milliseconds. rabbitmqctl takes a second or two. */
const SLOW = 30_000;

describe('B5 connection.blocked', () => {
  const harness = useClientHarness();
  afterEach(() => unblock());

  let alarmed = false;

  async function alarm(): Promise<void> {
    alarmed = true;
    await rabbit.ctl('set_vm_memory_high_watermark', '0.0001');
  }

  async function unblock(): Promise<void> {
    if (alarmed) await rabbit.ctl('set_vm_memory_high_watermark', '0.4');
    alarmed = false;
  }

  /** RabbitMQ blocks a connection at its next publish after the alarm; it accepts that publish, but does not confirm it. */
  async function block(connection: Connection): Promise<{ probe: Promise<unknown>; reason: string }> {
    const channel = await connection.openChannel({ confirm: true });
    const blocked = eventOf<[string]>(connection, 'blocked');
    await alarm();
    const probe = channel.publish('', 'nowhere', 'the drop that');
    const [reason] = await blocked;
    return { probe: probe.catch(() => undefined), reason };
  }

  it(
    'B5 publishes wait in order and bounded, consumers continue; publishes follow after the block',
    async () => {
      const connection = await harness.connect({ urls: rabbit.url });
      const [channel, patient] = [
        await connection.openChannel({ confirm: true, maxWaiting: 3, prefetch: 10 }),
        await connection.openChannel({ confirm: true, publishTimeout: 50 }),
      ];
      const { queue } = await channel.queueDeclare('', { exclusive: true });
      await channel.publish('', queue, 'before');
      const { probe, reason } = await block(connection);

      expect(reason).toMatch(/memory/);
      expect(connection.blocked).toBe(reason);
      expect(harness.warnings.join()).toContain(reason);
      let published = 0;
      const waiting = ['1', '2', '3'].map((text) => channel.publish('', queue, text).then(() => published++));
      const refused = await errorOf(channel.publish('', queue, '4'));
      expect(refused).toBeInstanceOf(PublishRefusedError);
      const late = await errorOf<PublishTimeoutError>(patient.publish('', queue, 'late'));
      expect(late).toMatchObject({ name: 'PublishTimeoutError', outcome: 'not-sent' });
      expect(late.message).toContain(reason);
      expect(published).toBe(0);

      // RabbitMQ does not block a connection that does not publish.
      const reader = await harness.connect({ urls: rabbit.url });
      expect(reader.blocked).toBeUndefined();

      const unblocked = eventOf(connection, 'unblocked');
      await unblock();
      await unblocked;
      expect(connection.blocked).toBeUndefined();
      await Promise.all([...waiting, probe]);
      const texts = await Promise.all([1, 2, 3, 4].map(() => channel.basicGet(queue, { noAck: true })));
      expect(texts.map((delivery) => delivery!.text())).toEqual(['before', '1', '2', '3']);
    },
    SLOW,
  );

  it(
    'B5 reads and acks continue: a consumer on the blocked connection receives and settles the ready messages',
    async () => {
      const connection = await harness.connect({ urls: rabbit.url });
      const channel = await connection.openChannel({ confirm: true, prefetch: 2 });
      const { queue } = await channel.queueDeclare('', { exclusive: true });
      for (const text of ['1', '2', '3', '4']) await channel.publish('', queue, text);
      const inbox = new Inbox<Delivery>();
      await channel.basicConsume(queue, inbox.add);
      const held = await inbox.take(2);

      await block(connection);
      // RabbitMQ does not read from a blocked connection: the acks are sent, and take effect once it is unblocked.
      for (const delivery of held) delivery.ack();
      expect(held.map((delivery) => delivery.text())).toEqual(['1', '2']);
      const unblocked = eventOf(connection, 'unblocked');
      await unblock();
      await unblocked;
      const rest = await inbox.take(2);
      expect(rest.map((delivery) => delivery.text())).toEqual(['3', '4']);
      for (const delivery of rest) delivery.ack();
    },
    SLOW,
  );

  it(
    "B5 whenUnavailable: 'fail' refuses at once, with the broker's reason",
    async () => {
      const connection = await harness.connect({ urls: rabbit.url });
      const channel = await connection.openChannel({ confirm: true, whenUnavailable: 'fail' });
      const { reason } = await block(connection);
      const refused = await errorOf(channel.publish('', 'q', 'x'));
      expect(refused).toBeInstanceOf(PublishRefusedError);
      expect(refused.message).toContain(reason);
    },
    SLOW,
  );

  it(
    'B5 close() works under its deadline, and settles waiting publishes',
    async () => {
      const connection = await harness.connect({ urls: rabbit.url });
      const channel = await connection.openChannel({ confirm: true });
      await block(connection);
      const waiting = errorOf(channel.publish('', 'q', 'x'));
      const started = performance.now();
      await connection.close({ timeout: 400 });
      expect(performance.now() - started).toBeLessThan(3_000);
      expect(connection.state).toBe('closed');
      expect(await waiting).toMatchObject({ outcome: 'not-sent' });
    },
    SLOW,
  );

  it(
    'B5 close() ends within two seconds, before its deadline: handlers end, and their acks take effect',
    async () => {
      // RabbitMQ drops what it has not read if it cannot send: a heartbeat, or connection.unblocked, to a closed socket.
      const { connection, proxy } = await harness.connectThroughProxy({ heartbeat: 600 }, rabbit.port);
      const channel = await connection.openChannel({ confirm: true, prefetch: 2 });
      const queue = harness.name();
      await channel.queueDeclare(queue, { autoDelete: false, arguments: { 'x-expires': 60_000 } });
      for (const text of ['1', '2', '3']) await channel.publish('', queue, text);
      const [begun, release] = [new Inbox<Delivery>(), new Deferred<void>()];
      await channel.basicConsume(queue, async (delivery) => {
        begun.add(delivery);
        await release.promise;
        delivery.ack();
      });
      await begun.take(2);
      const { probe } = await block(connection);
      const waiting = errorOf(channel.publish('', queue, 'too late'));

      const started = performance.now();
      const closing = connection.close({ timeout: 60_000 });
      const closed = errorOf(channel.publish('', queue, 'after it'));
      release.resolve();
      await closing;
      expect(performance.now() - started).toBeLessThan(5_000);
      expect(connection.state).toBe('closed');
      expect(await waiting).toMatchObject({ outcome: 'not-sent' });
      expect(await closed).toMatchObject({ outcome: 'not-sent' });
      await probe;

      // The proxy takes what RabbitMQ still sends.
      proxy.stall('toClient');
      await unblock();
      const other = await (await harness.connect({ urls: rabbit.url })).openChannel();
      // Once the broker reads again, it finds the acks and the end of the connection: only '3' is left.
      await eventually(async () => (await other.queueDeclare(queue, { passive: true })).consumerCount === 0);
      expect((await other.basicGet(queue, { noAck: true }))?.text()).toBe('3');
      expect(await other.basicGet(queue, { noAck: true })).toBeUndefined();
    },
    SLOW,
  );

  it(
    'B5 a connection that is lost while blocked is not blocked after the reconnect',
    async () => {
      const { connection, proxy } = await harness.connectThroughProxy({}, rabbit.port);
      const channel = await connection.openChannel({ confirm: true });
      const { queue } = await channel.queueDeclare('', { exclusive: true });
      await block(connection);
      const waiting = channel.publish('', queue, 'x');
      const back = eventOf(connection, 'reconnected');
      // connection.unblocked does not arrive: the client would publish at once, and lose the publish with the connection.
      proxy.stall('toClient');
      await unblock();
      proxy.cut();
      proxy.resume('toClient');
      await back;
      expect(connection.blocked).toBeUndefined();
      await waiting;
    },
    SLOW,
  );
});
