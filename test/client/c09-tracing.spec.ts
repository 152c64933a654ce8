import { AsyncLocalStorage } from 'node:async_hooks';
import { tracingChannel, type TracingChannelSubscribers } from 'node:diagnostics_channel';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  AlreadySettledError,
  type BlockTrace,
  type ConnectTrace,
  type Delivery,
  type ProcessTrace,
  type PublishTrace,
  type ReceiveTrace,
  type RestoreTrace,
  type SettleTrace,
} from 'nest-amqp/client';
import { Inbox } from '../support/inbox.js';
import { sharedRabbit } from '../support/shared-broker.js';
import { errorOf, eventOf, useClientHarness } from './support/client-harness.js';

/** The events of an operation that fails. */
const ALL = ['start', 'end', 'error', 'asyncStart', 'asyncEnd'] as const;

describe('C9 node:diagnostics_channel tracing channels', () => {
  const harness = useClientHarness();
  let ends: (() => void)[] = [];
  afterEach(() => {
    for (const end of ends.splice(0)) end();
    ends = [];
  });

  /** Records the events of one operation in order. */
  function listen<M extends object>(
    name: string,
    ours: (message: M) => boolean,
    onStart: (message: M) => void = () => {},
  ): { readonly events: string[]; readonly messages: M[]; readonly over: Inbox<M> } {
    const events: string[] = [];
    const messages: M[] = [];
    const over = new Inbox<M>();
    const note =
      (event: string, then: (message: M) => void = () => {}) =>
      (message: object): void => {
        if (!ours(message as M)) return;
        events.push(event);
        then(message as M);
      };
    const channel = tracingChannel(`nest-amqp:${name}`);
    const subscribers = {
      start: note('start', (message) => {
        messages.push(message);
        onStart(message);
      }),
      end: note('end'),
      error: note('error'),
      asyncStart: note('asyncStart'),
      asyncEnd: note('asyncEnd', (message) => over.add(message)),
    } as unknown as TracingChannelSubscribers<object>;
    channel.subscribe(subscribers);
    ends.push(() => channel.unsubscribe(subscribers));
    return { events, messages, over };
  }

  const GOOD = ['start', 'end', 'asyncStart', 'asyncEnd'];
  const BAD = ['start', 'end', 'error', 'asyncStart', 'asyncEnd'];

  it('C9 publish: spans its call to its outcome, also of a failure', async () => {
    const connection = await harness.connect({ connectionName: 'traced' });
    const channel = await connection.openChannel({ confirm: true });
    const queue = harness.name();
    const args = { 'x-max-length': 1, 'x-overflow': 'reject-publish' };
    await channel.queueDeclare(queue, { exclusive: true, arguments: args });
    const { events, messages } = listen<PublishTrace>('publish', ({ routingKey }) => routingKey.startsWith(queue));
    const outcomeEvents = (): string[] => events.splice(0);

    const tag = await channel.publish('', queue, 'one', { messageId: 'id' });
    expect(outcomeEvents()).toEqual(GOOD);
    const { port } = sharedRabbit();
    expect(messages[0]).toMatchObject({
      exchange: '',
      routingKey: queue,
      size: 3,
      mandatory: false,
      deliveryTag: tag,
      peer: { port, connectionName: 'traced' },
    });
    expect(messages[0]!.properties.messageId).toBe('id');

    const nacked = await errorOf(channel.publish('', queue, 'two'));
    expect(outcomeEvents()).toEqual(BAD);
    expect(messages[1]!.error).toBe(nacked);
    const returned = await errorOf(channel.publish('', `${queue}.nowhere`, 'three', { mandatory: true }));
    expect(outcomeEvents()).toEqual(BAD);
    expect(messages[2]).toMatchObject({ mandatory: true, error: returned });
    // A publish that is refused at once has an outcome, too.
    const refused = await errorOf(channel.publish('', queue, 'four', { timeout: -1 }));
    expect(outcomeEvents()).toEqual(BAD);
    expect(messages[3]!.error).toBe(refused);
  });

  it('C9 publish: a subscriber adds headers before the message is encoded, and the caller keeps its objects', async () => {
    const connection = await harness.connect();
    const channel = await connection.openChannel({ confirm: true });
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    const fetched = async (): Promise<Delivery> => (await channel.basicGet(queue, { noAck: true }))!;
    const { messages } = listen<PublishTrace>(
      'publish',
      ({ routingKey }) => routingKey === queue,
      (message) => {
        message.addHeader('traceparent', 'first');
        message.addHeader('traceparent', '00-1');
        message.addHeader('baggage', 'a=b');
      },
    );
    await channel.publish('', queue, 'plain', { messageId: 'a', deliveryMode: 2 });
    expect((await fetched()).properties).toEqual({
      messageId: 'a',
      deliveryMode: 2,
      headers: { traceparent: '00-1', baggage: 'a=b' },
    });
    const headers = Object.freeze({ own: 1 });
    const options = Object.freeze({ headers, type: 'order' });
    await channel.publish('', queue, 'with headers', options);
    expect((await fetched()).properties).toEqual({
      type: 'order',
      headers: { own: 1, traceparent: '00-1', baggage: 'a=b' },
    });
    expect(headers).toEqual({ own: 1 });
    expect(messages[1]!.properties.headers).toEqual({ own: 1, traceparent: '00-1', baggage: 'a=b' });
    // An argument that cannot be encoded stays an error.
    const error = await errorOf(channel.publish('', queue, 'map', { headers: new Map([['lost', 1]]) }));
    expect(error.name).toBe('EncodingError');
  });

  it('C9 publish: adds nothing to a message without a subscriber', async () => {
    const connection = await harness.connect();
    const channel = await connection.openChannel({ confirm: true });
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    await channel.publish('', queue, 'plain');
    expect((await channel.basicGet(queue, { noAck: true }))!.properties).toEqual({});
  });

  it('C9 process: wraps the handler, which runs in the bound stores and in the wrappers of subscribers', async () => {
    const connection = await harness.connect();
    const channel = await connection.openChannel();
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    const ours = (message: ProcessTrace): boolean => message.queue === queue;
    const [bound, around] = [new AsyncLocalStorage<string>(), new AsyncLocalStorage<string>()];
    const { start } = tracingChannel('nest-amqp:process');
    start.bindStore(bound, (message) => (ours(message as ProcessTrace) ? 'bound' : ''));
    ends.push(() => start.unbindStore(bound));
    const { events, messages, over } = listen<ProcessTrace>('process', ours, (message) =>
      message.runIn((work) => around.run('around', work)),
    );
    const seen: unknown[] = [];
    const failure = new Error('no');
    let reported = false;
    channel.on('handlerError', (error) => (reported = error === failure));
    await channel.basicConsume(queue, async (delivery) => {
      seen.push([bound.getStore(), around.getStore()]);
      await new Promise((resolve) => setImmediate(resolve));
      seen.push([bound.getStore(), around.getStore()]);
      delivery.ack();
      if (delivery.text() === 'bad') throw failure;
    });
    await channel.publish('', queue, 'good');
    expect(await over.next()).toMatchObject({ batch: false, handler: undefined, attempt: undefined });
    expect(messages[0]!.deliveries.map((delivery) => delivery.text())).toEqual(['good']);
    expect(messages[0]!.peer).toMatchObject({ port: sharedRabbit().port });
    expect(events.splice(0)).toEqual(GOOD);
    await channel.publish('', queue, 'bad');
    expect((await over.next()).error).toBe(failure);
    expect(events.splice(0)).toEqual(BAD);
    expect(seen).toEqual(Array.from({ length: 4 }, () => ['bound', 'around']));
    expect(reported).toBe(true);
  });

  it('C9 process: a handler that returns or throws synchronously', async () => {
    const connection = await harness.connect();
    const channel = await connection.openChannel();
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    const { events, over } = listen<ProcessTrace>('process', (message) => message.queue === queue);
    const failure = new Error('no');
    await channel.basicConsume(
      queue,
      (delivery) => {
        if (delivery.text() === 'bad') throw failure;
      },
      { noAck: true },
    );
    await channel.publish('', queue, 'good');
    await over.next();
    await channel.publish('', queue, 'bad');
    expect((await over.next()).error).toBe(failure);
    expect(events).toEqual([...GOOD, ...BAD]);
  });

  it('C9 settle: each ack, nack and reject, with its failure', async () => {
    const connection = await harness.connect();
    const channel = await connection.openChannel({ confirm: true });
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    const { events, messages } = listen<SettleTrace>('settle', ({ delivery }) => delivery.routingKey === queue);
    await channel.publish('', queue, 'one');
    const get = async (): Promise<Delivery> => (await channel.basicGet(queue))!;
    (await get()).nack();
    (await get()).reject({ requeue: true });
    const last = await get();
    last.ack({ multiple: true });
    expect(events.splice(0)).toEqual([...GOOD, ...GOOD, ...GOOD]);
    expect(() => last.nack({ requeue: false })).toThrow(AlreadySettledError);
    expect(events).toEqual(BAD);
    expect(messages.map(({ method, requeue, multiple }) => [method, requeue, multiple])).toEqual([
      ['nack', true, false],
      ['reject', true, false],
      ['ack', false, true],
      ['nack', false, false],
    ]);
    expect(messages[2]!.delivery).toBe(last);
    expect(messages[3]!.error).toBeInstanceOf(AlreadySettledError);
    expect((await channel.queueDeclare(queue, { passive: true })).messageCount).toBe(0);
  });

  it('C9 receive: each basicGet() with its message, also of an empty queue and a failure', async () => {
    const connection = await harness.connect();
    const channel = await connection.openChannel({ confirm: true });
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    const ours = (message: ReceiveTrace): boolean => message.queue.startsWith(queue);
    const { events, messages } = listen<ReceiveTrace>('receive', ours);
    await channel.publish('', queue, 'one');
    const delivery = await channel.basicGet(queue, { noAck: true });
    await channel.basicGet(queue);
    expect(events.splice(0)).toEqual([...GOOD, ...GOOD]);
    expect(messages[0]).toMatchObject({ queue, noAck: true, peer: { port: sharedRabbit().port } });
    expect(messages[0]!.delivery).toBe(delivery);
    expect(messages[1]).toMatchObject({ noAck: false, delivery: undefined });
    const missing = await errorOf(channel.basicGet(`${queue}.missing`));
    expect(events).toEqual(BAD);
    expect(messages[2]!.error).toBe(missing);
  });

  it.each(['publish', 'process', 'settle', 'receive'].flatMap((name) => ALL.map((event) => [name, event] as const)))(
    'C9 %s: tells a subscriber of %s alone',
    async (name, event) => {
      const connection = await harness.connect();
      const channel = await connection.openChannel({ confirm: true });
      const queue = harness.name();
      await channel.queueDeclare(queue, { exclusive: true });
      channel.on('handlerError', () => {});
      const told = new Inbox<object>();
      const operation = tracingChannel(`nest-amqp:${name}`);
      const subscriber = (message: unknown): void => told.add(message as object);
      operation[event].subscribe(subscriber);
      ends.push(() => operation[event].unsubscribe(subscriber));
      if (name === 'receive') await errorOf(channel.basicGet(`${queue}.missing`));
      else if (name === 'publish') await errorOf(channel.publish('', `${queue}.missing`, 'x', { mandatory: true }));
      else {
        await channel.basicConsume(queue, (delivery) => {
          delivery.ack();
          // Fails.
          delivery.ack();
        });
        await channel.publish('', queue, 'x');
      }
      expect(typeof (await told.next())).toBe('object');
    },
  );

  it('C9 connect and restore: each search for a broker, and the time until all is back', async () => {
    const ours = ({ connectionName }: { readonly connectionName: string | undefined }): boolean =>
      connectionName === 'c9';
    const connects = listen<ConnectTrace>('connect', ours);
    const restores = listen<RestoreTrace>('restore', ({ peer }) => peer !== undefined && ours(peer));
    const { connection, proxy } = await harness.connectThroughProxy({ connectionName: 'c9' });
    expect(connects.events.splice(0)).toEqual(GOOD);
    expect(connects.messages[0]!.peer).toMatchObject({ port: proxy.port });
    const channel = await connection.openChannel();
    const back = eventOf(connection, 'reconnected');
    proxy.cut();
    await back;
    expect(restores.events.splice(0)).toEqual(GOOD);
    expect(restores.messages[0]).toMatchObject({ kind: 'connection', channel: undefined });
    expect(restores.messages[0]!.cause.name).toBe('ConnectionLostError');

    await errorOf(channel.queueDeclare(harness.name(), { passive: true }));
    await restores.over.next();
    expect(await restores.over.next()).toMatchObject({ kind: 'channel', channel: channel.id });
    expect(restores.messages[1]!.cause.name).toBe('NotFoundError');
  });

  it('C9 block: as long as the broker has blocked the connection', async () => {
    const server = await harness.server((peer) => peer.handshake());
    const ours = ({ peer }: BlockTrace): boolean => peer?.connectionName === 'c9 blocked';
    const { events, messages } = listen<BlockTrace>('block', ours);
    const connection = await harness.connect({
      urls: server.url,
      connectionName: 'c9 blocked',
      reconnect: false,
      logger: { warn: () => {} },
    });
    const [peer] = server.peers;
    const say = async (method: 'blocked' | 'unblocked'): Promise<void> => {
      const heard = eventOf(connection, method);
      if (method === 'blocked') peer!.send(0, 'connection.blocked', { reason: 'low on memory' });
      else peer!.send(0, 'connection.unblocked', {});
      await heard;
    };
    await say('blocked');
    await say('blocked');
    expect(events).toEqual(['start', 'end']);
    await say('unblocked');
    expect(events.splice(0)).toEqual(GOOD);
    await say('blocked');
    peer!.socket.destroy();
    await connection.closed;
    expect(events).toEqual(BAD);
    expect(messages.map(({ reason }) => reason)).toEqual(['low on memory', 'low on memory']);
  });
});
