import { describe, expect, it } from '@jest/globals';
import {
  AccessRefusedError,
  AlreadySettledError,
  ChannelClosedError,
  ConfigurationError,
  connect,
  createConnection,
  EncodingError,
  NotAllowedError,
  type Delivery,
} from '../../lib/client/index.js';
import { sharedRabbit } from '../support/shared-broker.js';
import { errorOf, useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';

// See c10-wrong-port.spec.ts for a wrong port, and d3-limits.spec.ts for a frame-max of 100.
describe('D5 wrong use is an error that explains itself', () => {
  const harness = useClientHarness();

  it('D5 any call on a closed channel', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    await channel.close();
    const calls = [
      channel.publish('', 'q', 'x'),
      channel.queueDeclare('q'),
      channel.basicConsume('q', () => undefined),
      channel.basicGet('q'),
      channel.confirmSelect().then(() => channel.txSelect()),
      channel.consume('q').next(),
    ];
    for (const call of calls) {
      const error = await errorOf<ChannelClosedError>(call);
      expect(error).toBeInstanceOf(ChannelClosedError);
      expect(error.message).toMatch(/channel 1 is closed; open another with connection\.openChannel\(\)/);
      expect(error.outcome).toBe('not-sent');
    }
  });

  it('D5 a delivery settled twice, or one without acknowledgement', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    for (let n = 0; n < 3; n++) await channel.publish('', queue, `${n}`);
    const [acked, rejected, automatic] = [
      (await channel.basicGet(queue))!,
      (await channel.basicGet(queue))!,
      (await channel.basicGet(queue, { noAck: true }))!,
    ];
    acked.ack();
    rejected.reject();
    for (const delivery of [acked, rejected, automatic]) {
      for (const settle of [() => delivery.ack(), () => delivery.nack(), () => delivery.reject()]) {
        expect(settle).toThrow(AlreadySettledError);
        expect(settle).toThrow(/was settled before, or needs no settlement \(noAck\)/);
      }
    }
    // The broker has received none of the calls.
    await channel.queueDeclare(queue, { passive: true });
    expect(channel.isOpen).toBe(true);
  });

  it('D5 a signal that is no AbortSignal is named by every call that takes one', async () => {
    const connection = await harness.connect();
    const channel = await connection.openChannel({ confirm: true });
    const { queue } = await channel.queueDeclare(harness.name(), { exclusive: true });
    const consumer = await channel.basicConsume(queue, () => undefined);
    for (const none of [{}, 5, null]) {
      const wrong = { signal: none as unknown as AbortSignal };
      const calls = [
        channel.publish('', queue, 'x', wrong),
        channel.queueDeclare(queue, { exclusive: true, ...wrong }),
        channel.queuePurge(queue, wrong),
        channel.basicGet(queue, wrong),
        channel.basicConsume(queue, () => undefined, wrong),
        channel.consume(queue, wrong).next(),
        channel.waitForConfirms(wrong),
        consumer.cancel(wrong),
        connection.openChannel(wrong),
        connection.drainEvents(wrong),
        harness.connect(wrong),
      ];
      for (const call of calls) {
        const error = await errorOf(call);
        expect(error).toBeInstanceOf(ConfigurationError);
        expect(error.message).toBe('signal must be an AbortSignal');
      }
    }
    expect(consumer.active).toBe(true);
  });

  it('D5 a consumer tag that is in use, here or at the broker, is refused before the broker closes the connection', async () => {
    const connection = await harness.connect();
    const lost = new Inbox<unknown>();
    connection.on('disconnected', (error) => lost.add(error));
    const channel = await connection.openChannel();
    const { queue } = await channel.queueDeclare(harness.name(), { exclusive: true });
    const consume = (consumerTag: string, options = {}) =>
      channel.basicConsume(queue, () => undefined, { consumerTag, ...options });

    const [first, error] = await Promise.all([consume('tag'), errorOf(consume('tag'))]);
    expect(error).toBeInstanceOf(NotAllowedError);
    expect(error.message).toMatch(/consumer tag 'tag' is in use on channel 1/);
    expect(error['scope']).toBe('channel');

    // Its cancel is sent before.
    const [, second] = await Promise.all([first.cancel(), consume('tag')]);
    expect([first.ended, second.active]).toEqual([true, true]);

    // Its caller has stopped waiting, and the broker registers it all the same.
    const stop = new AbortController();
    const left = errorOf(consume('late', { signal: stop.signal }));
    stop.abort();
    expect(await errorOf(consume('late'))).toBeInstanceOf(NotAllowedError);
    expect(await left).toBe(stop.signal.reason);
    await channel.queueDeclare(queue, { passive: true });
    expect((await consume('late')).active).toBe(true);
    // On another channel it is another.
    const other = await connection.openChannel();
    await other.basicConsume(queue, () => undefined, { consumerTag: 'tag' });
    expect(lost.all).toEqual([]);
  });

  it('D5 an unknown option of a settlement settles nothing', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    await channel.publish('', queue, 'x');
    const delivery = (await channel.basicGet(queue))!;
    // @ts-expect-error: requeue; ignored, the message would come back for ever
    expect(() => delivery.nack({ requeu: false })).toThrow(/nack: unknown option 'requeu'.*requeue/);
    // @ts-expect-error: requeue
    expect(() => delivery.reject({ requeued: true })).toThrow(ConfigurationError);
    // @ts-expect-error: multiple
    expect(() => delivery.ack({ multi: true })).toThrow(ConfigurationError);
    expect(delivery.settled).toBe(false);
    delivery.nack({ requeue: false });
  });

  it('D5 settling after multiple has covered it is harmless', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    for (let n = 0; n < 3; n++) await channel.publish('', queue, `${n}`);
    const inbox = new Inbox<Delivery>();
    await channel.basicConsume(queue, inbox.add);
    const [first, second, third] = await inbox.take(3);
    second!.ack({ multiple: true });
    first!.ack();
    third!.ack();
    await channel.queueDeclare(queue, { passive: true });
    expect(channel.isOpen).toBe(true);
  });

  it('D5 an unknown option: TypeScript refuses it, and so does the call', async () => {
    const connection = await harness.connect();
    const channel = await connection.openChannel();
    const queue = harness.name();
    const attempts: readonly (readonly [Promise<unknown>, RegExp])[] = [
      // @ts-expect-error: heartbeat
      [harness.connect({ hartbeat: 5 }), /connect: unknown option 'hartbeat'.*heartbeat/],
      // @ts-expect-error: attempts
      [harness.connect({ reconnect: { atempts: 5 } }), /unknown option 'atempts'.*attempts/],
      // @ts-expect-error: prefetch
      [connection.openChannel({ prefetchCount: 5 }), /openChannel: unknown option 'prefetchCount'.*prefetch/],
      // @ts-expect-error: durable
      [channel.queueDeclare(queue, { durabel: true }), /queueDeclare: unknown option 'durabel'.*durable/],
      // @ts-expect-error: it belongs to `arguments`
      [channel.queueDeclare(queue, { messageTtl: 5 }), /unknown option 'messageTtl'.*arguments/],
      // @ts-expect-error: autoDelete
      [channel.exchangeDeclare('x', 'topic', { auto_delete: true }), /'auto_delete'.*autoDelete/],
      // @ts-expect-error: noAck
      [channel.basicConsume(queue, () => undefined, { noack: true }), /'noack'.*noAck/],
      // @ts-expect-error: deliveryMode
      [channel.publish('', queue, '', { persistent: true }), /publish: .* 'persistent'; use deliveryMode: 2/],
      // @ts-expect-error: a header
      [channel.publish('', queue, 'x', { CC: ['a'] }), /'CC'; use headers: \{ CC: \['key'\] \}/],
      // @ts-expect-error: contentType
      [channel.publish('', queue, 'x', { contenttype: 'x' }), /'contentType'\? Known are: contentType, .*mandatory/],
      // @ts-expect-error: ifUnused, without which the queue would be gone
      [channel.queueDelete(queue, { ifunused: true }), /queueDelete: unknown option 'ifunused'.*ifUnused/],
      // @ts-expect-error: noAck
      [channel.basicGet(queue, { noack: true }), /basicGet: unknown option 'noack'.*noAck/],
      // @ts-expect-error: arguments
      [channel.queueBind(queue, 'x', '', { headers: {} }), /queueBind: unknown option 'headers'.*arguments/],
      // @ts-expect-error: global
      [channel.basicQos(1, { globally: true }), /basicQos: unknown option 'globally'.*global/],
    ];
    for (const [attempt, message] of attempts) {
      const error = await errorOf(attempt);
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(error.message).toMatch(message);
    }
    expect(channel.isOpen).toBe(true);
  });

  it('D5 every method that takes options refuses an unknown one, and what is no object', async () => {
    const connection = await harness.connect();
    const channel = await connection.openChannel();
    const { queue } = await channel.queueDeclare('', { exclusive: true });
    const consumer = await channel.basicConsume(queue, () => undefined);
    const methods: Record<string, (options: never) => unknown> = {
      exchangeDeclare: (options) => channel.exchangeDeclare('x', 'fanout', options),
      exchangeDelete: (options) => channel.exchangeDelete('x', options),
      exchangeBind: (options) => channel.exchangeBind('x', 'y', '', options),
      exchangeUnbind: (options) => channel.exchangeUnbind('x', 'y', '', options),
      queueDeclare: (options) => channel.queueDeclare(queue, options),
      queueBind: (options) => channel.queueBind(queue, 'x', '', options),
      queueUnbind: (options) => channel.queueUnbind(queue, 'x', '', options),
      queuePurge: (options) => channel.queuePurge(queue, options),
      queueDelete: (options) => channel.queueDelete(queue, options),
      basicQos: (options) => channel.basicQos(1, options),
      basicConsume: (options) => channel.basicConsume(queue, () => undefined, options),
      consume: (options) => channel.consume(queue, options).next(),
      basicCancel: (options) => channel.basicCancel('tag', options),
      basicGet: (options) => channel.basicGet(queue, options),
      basicRecover: (options) => channel.basicRecover(options),
      basicRecoverAsync: (options) => channel.basicRecoverAsync(options),
      channelFlow: (options) => channel.channelFlow(true, options),
      txSelect: (options) => channel.txSelect(options),
      txCommit: (options) => channel.txCommit(options),
      txRollback: (options) => channel.txRollback(options),
      confirmSelect: (options) => channel.confirmSelect(options),
      waitForConfirms: (options) => channel.waitForConfirms(options),
      publish: (options) => channel.publish('', queue, 'x', options),
      'whenOpen of a channel': (options) => channel.whenOpen(options),
      'close of a channel': (options) => channel.close(options),
      cancel: (options) => consumer.cancel(options),
      channel: (options) => connection.channel(options),
      openChannel: (options) => connection.openChannel(options),
      withScratchChannel: (options) => connection.withScratchChannel(async () => undefined, options),
      updateSecret: (options) => connection.updateSecret('guest', 'reason', options),
      drainEvents: (options) => connection.drainEvents(options),
      'whenOpen of a connection': (options) => connection.whenOpen(options),
      'close of a connection': (options) => connection.close(options),
      heartbeat: (options) => harness.connect({ heartbeat: options }),
      reconnect: (options) => harness.connect({ reconnect: options }),
    };
    const wrong = [{ timeOut: 5 }, null, [5], 'text'] as never[];
    for (const [method, call] of Object.entries(methods)) {
      for (const options of wrong) {
        const outcome: unknown = await (async () => call(options))().then((value: unknown) => value, (error: unknown) => error); // prettier-ignore
        expect([method, options, outcome]).toEqual([method, options, expect.any(ConfigurationError)]);
      }
    }
    expect([channel.isOpen, consumer.active, connection.state]).toEqual([true, true, 'open']);
  });

  it('D5 options of the wrong type or size name themselves', async () => {
    const connection = await harness.connect();
    const attempts: readonly (readonly [Promise<unknown>, RegExp])[] = [
      [harness.connect({ heartbeat: -1 }), /heartbeat/],
      [harness.connect({ heartbeat: 'often' as never }), /heartbeat/],
      [harness.connect({ channelMax: 0 }), /channelMax/],
      [harness.connect({ rpcTimeout: NaN }), /rpcTimeout/],
      [harness.connect({ urls: 5 as never }), /URI|urls/],
      [connection.openChannel({ prefetch: -1 }), /prefetch/],
      [connection.openChannel({ maxUnconfirmed: 0 }), /maxUnconfirmed/],
    ];
    for (const [attempt, message] of attempts) {
      const error = await errorOf(attempt);
      expect([error.message, error instanceof ConfigurationError]).toEqual([expect.stringMatching(message), true]);
    }
  });

  it('D5 an address that is undefined leads to no broker on this host', async () => {
    // TypeScript refuses this value, JavaScript does not.
    const missing = undefined as unknown as string;
    for (const attempt of [
      () => connect(missing),
      () => connect(missing, { vhost: '/' }),
      () => connect({ urls: missing }),
      async () => createConnection(missing),
    ]) {
      const error = await errorOf(attempt());
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(error.message).toMatch(/: the AMQP URI is undefined; give one, or leave it out for amqp:\/\/localhost$/);
    }
    expect(await errorOf(connect(null as unknown as string))).toBeInstanceOf(ConfigurationError);
    expect(await errorOf(connect(5 as unknown as string))).toBeInstanceOf(ConfigurationError);
  });

  it('D5 a queue name of 300 bytes', async () => {
    const channel = await (await harness.connect()).openChannel();
    const error = await errorOf(channel.queueDeclare('q'.repeat(300)));
    expect(error).toBeInstanceOf(EncodingError);
    expect(error.message).toMatch(/queue of queue\.declare has 300 bytes; AMQP's short strings hold 255/);
    expect(channel.isOpen).toBe(true);
  });

  it('D5 a wrong vhost', async () => {
    const { port } = sharedRabbit();
    const error = await errorOf(harness.connect({ urls: `amqp://localhost:${port}/nowhere` }));
    expect(error).toBeInstanceOf(NotAllowedError);
    expect(error['scope']).toBe('connection');
    expect(error.message).toContain(
      `connection to localhost:${port} as user 'guest', vhost 'nowhere': 530 NOT_ALLOWED`,
    );
  });

  it('D5 a wrong password', async () => {
    const { port } = sharedRabbit();
    const error = await errorOf(harness.connect({ urls: `amqp://guest:hunter2@localhost:${port}` }));
    expect(error).toBeInstanceOf(AccessRefusedError);
    expect(error).toMatchObject({ replyCode: 403, scope: 'connection' });
    expect(error.message).toMatch(
      new RegExp(`^connection to localhost:${port} as user 'guest', vhost '/': 403 ACCESS_REFUSED`),
    );
    expect(error.message).not.toContain('hunter2');
  });
});
