import { gzipSync } from 'node:zlib';
import { Injectable, type INestApplicationContext } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import {
  AmqpConsumer,
  AmqpConsumerRegistry,
  bindQueue,
  fixed,
  ParkingLot,
  quorumQueue,
  RedriveError,
  topicExchange,
  type AmqpContext,
  type ConsumerFailure,
  type ParkedEdit,
  type ParkedMessage,
  type RedriveProgress,
} from 'nest-amqp';
import { ConfigurationError, NotFoundError, TimeoutError, typed } from 'nest-amqp/client';
import { errorOf, eventually } from '../client/support/client-harness.js';
import { publisherOf, useNest } from './support/nest-harness.js';
import { Inbox } from '../support/inbox.js';

describe('ParkingLot', () => {
  const nest = useNest();
  const lotOf = (app: INestApplicationContext): ParkingLot => app.get(ParkingLot, { strict: false });

  function newQueue(): string {
    const queue = nest.name('billing');
    nest.sweep(`${queue}.parked`, `${queue}.retry.50`);
    return queue;
  }

  /** Starts an application whose consumer fails while `broken` returns true, with the given messages parked. */
  async function parked(queue: string, ids: readonly string[], broken: () => boolean = () => true) {
    const seen = new Inbox<AmqpContext>();

    @Injectable()
    class Billing {
      @AmqpConsumer(queue, { retry: { attempts: 2, backoff: fixed(50) }, concurrency: 1 })
      onOrder(_: unknown, context: AmqpContext): void {
        if (broken()) throw new Error(`no funds for ${context.properties.messageId}`);
        seen.add(context);
      }
    }

    const exchange = nest.name('orders');
    const topology = {
      exchanges: [topicExchange(exchange)],
      queues: [quorumQueue(queue)],
      bindings: [bindQueue(queue, exchange, '#')],
    };
    const app = await nest.start({ providers: [Billing] }, { topology });
    const failures = new Inbox<ConsumerFailure>();
    app.get(AmqpConsumerRegistry, { strict: false }).failures$.subscribe(failures.add);
    for (const messageId of ids) {
      const headers = { tenant: 'acme', count: typed('uint8', 1) };
      await publisherOf(app).publish(
        exchange,
        'order.created',
        { id: messageId },
        { messageId, headers, expiration: '60000' },
      );
      await untilParked(failures);
    }
    return { app, seen, failures, exchange };
  }

  async function untilParked(failures: Inbox<ConsumerFailure>): Promise<void> {
    while ((await failures.next()).decision !== 'park');
  }

  const bodyOf = ({ delivery }: AmqpContext): string => delivery.body.toString();

  const idsOf = (messages: readonly { messageId: string | undefined }[]): unknown[] =>
    messages.map(({ messageId }) => messageId);

  it('rejects at its deadline while the broker was never there; a stopped redrive resolves with zeros', async () => {
    const { proxy, url } = await nest.proxy();
    proxy.refuse();
    const app = await nest.start({}, { url, startup: 'background' });
    await eventually(async () => nest.lines.with('ECONNREFUSED').length > 0);
    const lot = lotOf(app);
    for (const call of [lot.list('any', { timeout: '20ms' }), lot.purge('any', { timeout: 20 }), lot.redrive('any', { timeout: 20 })]) {
      const error = await errorOf(call);
      expect(error).toBeInstanceOf(TimeoutError);
      expect(error.message).toMatch(/^ParkingLot: the consuming connection 'default' is connecting \(.*ECONNREFUSED.*\), for 20 ms/);
    }
    const stop = new AbortController();
    const { signal } = stop;
    const ended = [errorOf(lot.list('any', { signal })), errorOf(lot.purge('any', { signal }))];
    const redriven = lot.redrive('any', { signal });
    stop.abort(new Error('the request is over'));
    for (const error of await Promise.all(ended)) expect(error.message).toBe('the request is over');
    expect(await redriven).toEqual({ redriven: 0, kept: 0, failed: 0 });
    const waiting = lot.list('no-such-queue');
    waiting.catch(() => {});
    await proxy.accept();
    await expect(waiting).rejects.toThrow(NotFoundError);
    await expect(lot.list('any', { timeout: 'soon' as never })).rejects.toThrow('ParkingLot: timeout must be milliseconds');
  }); // prettier-ignore

  it('lists messages as they were published, with the reason; the messages stay in order', async () => {
    const queue = newQueue();
    const { app, exchange } = await parked(queue, ['a', 'b', 'c']);
    const lot = lotOf(app);
    const [first, second] = await lot.list(queue, { limit: 2 });
    expect(first).toMatchObject({
      messageId: 'a',
      exchange,
      routingKey: 'order.created',
      properties: { expiration: '60000', contentType: 'application/json' },
      attempts: 2,
      firstFailure: { message: 'Error: no funds for a', stack: expect.any(String), time: expect.any(Date) },
      lastFailure: { message: 'Error: no funds for a' },
    });
    expect(JSON.parse(first!.body.toString())).toEqual({ id: 'a' });
    expect(first!.headers).toEqual({ tenant: 'acme', count: 1 });
    expect(second!.messageId).toBe('b');
    expect(idsOf(await lot.list(queue))).toEqual(['a', 'b', 'c']);
  });

  it('lists payloads as they are decoded, and fits into a JSON response', async () => {
    const queue = newQueue();
    const { app } = await parked(queue, ['a']);
    const [decoded] = await lotOf(app).list(queue);
    expect(decoded!.payload).toEqual({ id: 'a' });
    const shown = JSON.parse(JSON.stringify(decoded)) as Record<string, unknown>;
    expect(shown).toMatchObject({ messageId: 'a', payload: { id: 'a' }, properties: { headers: { tenant: 'acme' } } });
    expect(shown).not.toHaveProperty('body');

    await lotOf(app).purge(queue);
    const headers = { big: typed('int64', 2n ** 60n), bytes: Buffer.from('hi') };
    await nest.channel.publish('', `${queue}.parked`, '{', { contentType: 'application/json', headers });
    const [broken] = await lotOf(app).list(queue);
    expect(broken!.payload).toBeUndefined();
    expect(JSON.parse(JSON.stringify(broken))).toMatchObject({
      body: Buffer.from('{').toString('base64'),
      properties: { headers: { big: '1152921504606846976', bytes: Buffer.from('hi').toString('base64') } },
    });
  });

  it('refuses the name of the parked queue, since nothing is parked under it', async () => {
    const queue = newQueue();
    const { app } = await parked(queue, ['a']);
    const lot = lotOf(app);
    const wrong = `${queue}.parked`;
    for (const call of [lot.list(wrong), lot.redrive(wrong), lot.purge(wrong)]) {
      const error = await call.catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(error).toMatchObject({ message: expect.stringContaining(`give the queue's own name, '${queue}'`) });
    }
    expect(idsOf(await lot.list(queue))).toEqual(['a']);
  });

  it('takes a queue whose own name ends like that of a parked queue', async () => {
    const queue = `${newQueue()}.parked`;
    nest.sweep(`${queue}.parked`, `${queue}.retry.50`, queue);
    const { app } = await parked(queue, []);
    expect(await lotOf(app).list(queue)).toEqual([]);
    expect(await lotOf(app).purge(queue)).toBe(0);
  });

  it.each(['list', 'redrive', 'purge'] as const)('%s() needs the name of a queue', async (method) => {
    const { app } = await parked(newQueue(), []);
    const call = (lotOf(app)[method] as () => Promise<unknown>).call(lotOf(app));
    await expect(call).rejects.toThrow(
      `ParkingLot.${method}(): the name of the queue must be a string that is not empty; it is undefined`,
    );
    await expect(call).rejects.toThrow(ConfigurationError);
  });

  it('may be listed more often than the default delivery limit of RabbitMQ 4', async () => {
    const queue = newQueue();
    const { app } = await parked(queue, ['a', 'b']);
    for (let count = 0; count < 25; count++) expect(idsOf(await lotOf(app).list(queue))).toEqual(['a', 'b']);
  });

  it('redrives messages to their queue, as new: original exchange, key, properties and headers, attempt 1', async () => {
    const queue = newQueue();
    let broken = true;
    const { app, seen, exchange } = await parked(queue, ['a', 'b'], () => broken);
    broken = false;
    await expect(lotOf(app).redrive(queue)).resolves.toEqual({ redriven: 2, kept: 0, failed: 0 });
    const contexts = await seen.take(2);
    expect(contexts.map(({ properties }) => properties.messageId)).toEqual(['a', 'b']);
    for (const context of contexts) {
      expect(context).toMatchObject({ exchange, routingKey: 'order.created', attempt: 1 });
      expect(context.lastFailure).toBeUndefined();
      expect(context.headers).toEqual({ tenant: 'acme', count: 1 });
      expect(context.delivery.encodedHeaders).toMatchObject({ count: { bytes: Buffer.from([66, 1]) } });
      expect(context.delivery.properties.expiration).toBe('60000');
    }
    expect(await nest.ready(`${queue}.parked`)).toBe(0);
  });

  it('redrives only the messages that filter and limit allow; the others stay in order', async () => {
    const queue = newQueue();
    let broken = true;
    const { app, seen } = await parked(queue, ['a1', 'b1', 'a2', 'b2', 'a3', 'a4'], () => broken);
    broken = false;
    const filter = ({ messageId = '' }): boolean => messageId.startsWith('a');
    await expect(lotOf(app).redrive(queue, { filter, limit: 3 })).resolves.toMatchObject({ redriven: 3 });
    expect((await seen.take(3)).map(({ properties }) => properties.messageId)).toEqual(['a1', 'a2', 'a3']);
    expect(idsOf(await lotOf(app).list(queue))).toEqual(['b1', 'b2', 'a4']);
    await expect(lotOf(app).redrive(queue, { scan: 1 })).resolves.toEqual({ redriven: 1, kept: 0, failed: 0 });
    expect(idsOf(await lotOf(app).list(queue))).toEqual(['b2', 'a4']);
  });

  it('sends messages back with another payload and other headers; what the edit does not name stays', async () => {
    const queue = newQueue();
    let broken = true;
    const { app, seen, exchange } = await parked(queue, ['a', 'b', 'c'], () => broken);
    broken = false;
    const edit = ({ messageId, payload }: ParkedMessage): ParkedEdit | undefined => {
      if (messageId === 'a') return { payload: { ...(payload as object), currency: 'EUR' } };
      return messageId === 'b' ? { headers: { tenant: undefined, region: 'eu' } } : undefined;
    };
    expect(await lotOf(app).redrive(queue, { edit })).toEqual({ redriven: 3, kept: 0, failed: 0 });
    const [a, b, c] = await seen.take(3);
    expect(a!.attempt).toBe(1);
    expect(a).toMatchObject({ exchange, routingKey: 'order.created' });
    expect(JSON.parse(bodyOf(a!))).toEqual({ id: 'a', currency: 'EUR' });
    expect(a!.properties).toMatchObject({ messageId: 'a', contentType: 'application/json', expiration: '60000' });
    expect(a!.headers).toEqual({ tenant: 'acme', count: 1 });
    expect(JSON.parse(bodyOf(b!))).toEqual({ id: 'b' });
    expect(b!.headers).toEqual({ region: 'eu', count: 1 });
    expect(c!.headers).toEqual({ tenant: 'acme', count: 1 });
    expect(await nest.ready(`${queue}.parked`)).toBe(0);
  });

  it('sends an edited body as it is, without the compression of the message', async () => {
    const queue = newQueue();
    const { app, seen } = await parked(queue, [], () => false);
    await nest.channel.queueDeclare(`${queue}.parked`, { arguments: { 'x-queue-type': 'quorum' } });
    const properties = { contentType: 'application/json', contentEncoding: 'gzip', messageId: 'packed' };
    await nest.channel.publish('', `${queue}.parked`, gzipSync('{"id":1}'), properties);
    await lotOf(app).redrive(queue, { edit: () => ({ payload: Buffer.from('{"id": 2}') }) });
    const context = await seen.next();
    expect(bodyOf(context)).toBe('{"id": 2}');
    expect(context.properties).toMatchObject({ contentType: 'application/json', messageId: 'packed' });
    expect(context.properties.contentEncoding).toBeUndefined();
  });

  it('refuses a wrong edit, and the messages stay', async () => {
    const queue = newQueue();
    const { app } = await parked(queue, ['a']);
    const lot = lotOf(app);
    for (const [edit, reason] of [
      [{ headers: { 'x-nest-amqp-retry': 'forged' } }, /header 'x-nest-amqp-retry' cannot be changed/],
      [{ headers: { CC: ['elsewhere'] } }, /header 'CC' cannot be changed/],
      [{ body: 'text' }, /unknown option 'body'/],
      [{ payload: () => {} }, /cannot be sent as 'application\/json'/],
    ] as const) {
      const redrive = lot.redrive(queue, { edit: () => edit as ParkedEdit });
      await expect(redrive).rejects.toThrow(reason);
      await expect(redrive).rejects.toThrow(RedriveError);
    }
    await expect(lot.redrive(queue, { edit: {} as never })).rejects.toThrow(ConfigurationError);
    expect(idsOf(await lot.list(queue))).toEqual(['a']);
  });

  it('tells the progress of a redrive', async () => {
    const queue = newQueue();
    let broken = true;
    const { app } = await parked(queue, ['a1', 'b1', 'a2'], () => broken);
    broken = false;
    const progress: RedriveProgress[] = [];
    const filter = ({ messageId = '' }): boolean => messageId.startsWith('a');
    await lotOf(app).redrive(queue, { filter, onProgress: (numbers) => progress.push(numbers) });
    expect(progress.map(({ total }) => total)).toEqual(progress.map(() => 3));
    expect(progress[0]).toEqual({ redriven: 1, kept: 0, failed: 0, total: 3 });
    expect(progress.at(-1)).toEqual({ redriven: 2, kept: 1, failed: 0, total: 3 });
  });

  it('ends a redrive at its signal: what is on its way arrives, the others stay', async () => {
    const queue = newQueue();
    let broken = true;
    const { app, seen } = await parked(queue, ['a', 'b', 'c'], () => broken);
    broken = false;
    const stop = new AbortController();
    const result = lotOf(app).redrive(queue, { signal: stop.signal, onProgress: () => stop.abort() });
    await expect(result).resolves.toEqual({ redriven: 1, kept: 0, failed: 0 });
    expect((await seen.next()).properties.messageId).toBe('a');
    expect(idsOf(await lotOf(app).list(queue))).toEqual(['b', 'c']);
  });

  it('sends back no more messages per second than its rate', async () => {
    const queue = newQueue();
    let broken = true;
    const { app } = await parked(queue, ['a', 'b', 'c', 'd'], () => broken);
    broken = false;
    const begin = performance.now();
    await expect(lotOf(app).redrive(queue, { rate: 5 })).resolves.toMatchObject({ redriven: 4 });
    // The first message goes at once, and the others after the fifth of a second that it took.
    expect(performance.now() - begin).toBeGreaterThanOrEqual(200);
  });

  it('reads a thousand messages, keeps none, and leaves all of them parked', async () => {
    const queue = newQueue();
    const { app } = await parked(queue, []);
    await nest.channel.queueDeclare(`${queue}.parked`, {
      arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': 2_147_483_647 },
    });
    const ids = Array.from({ length: 1_000 }, (_, n) => `m${n}`);
    await Promise.all(ids.map((messageId) => nest.channel.publish('', `${queue}.parked`, '1', { messageId })));
    for (const limit of [Infinity, 1_000, 1]) {
      const seen: unknown[] = [];
      const look = lotOf(app).look(queue, { limit }, ({ messageId }) => seen.push(messageId) > 0);
      await expect(look).resolves.toBe(1_000);
      expect(new Set(seen).size).toBe(Math.min(limit, 1_000));
    }
    const seen: unknown[] = [];
    const stopped = lotOf(app).look(queue, { limit: 500 }, ({ messageId }) => seen.push(messageId) < 7);
    await expect(stopped).resolves.toBe(1_000);
    expect(seen).toHaveLength(7);
    await expect(lotOf(app).redrive(queue)).resolves.toEqual({ redriven: 1_000, kept: 0, failed: 0 });
  });

  it('ends although a redriven message is parked again meanwhile', async () => {
    const queue = newQueue();
    const { app, failures } = await parked(queue, ['a', 'b', 'c']);
    await expect(lotOf(app).redrive(queue)).resolves.toEqual({ redriven: 3, kept: 0, failed: 0 });
    for (let count = 0; count < 3; count++) await untilParked(failures);
    const messages = await lotOf(app).list(queue);
    expect(idsOf(messages).toSorted()).toEqual(['a', 'b', 'c']);
    expect(messages.map(({ attempts }) => attempts)).toEqual([2, 2, 2]);
  });

  it('leaves messages that are parked after its start', async () => {
    const queue = newQueue();
    let broken = true;
    const { app, seen } = await parked(queue, ['a', 'b', 'c'], () => broken);
    broken = false;
    const late: Promise<number>[] = [];
    const filter = (): boolean => {
      late.push(nest.channel.publish('', `${queue}.parked`, '1', { messageId: `late ${late.length}` }));
      return true;
    };
    await expect(lotOf(app).redrive(queue, { filter })).resolves.toEqual({ redriven: 3, kept: 0, failed: 0 });
    await Promise.all(late);
    expect((await seen.take(3)).map(({ properties }) => properties.messageId)).toEqual(['a', 'b', 'c']);
    expect(idsOf(await lotOf(app).list(queue))).toEqual(['late 0', 'late 1', 'late 2']);
  });

  it('stops with a typed error when the queue was deleted, and all messages stay', async () => {
    const queue = newQueue();
    const { app } = await parked(queue, ['a', 'b']);
    await nest.close(app);
    await nest.channel.queueDelete(queue);
    const other = await nest.start({});
    const failure: unknown = await lotOf(other)
      .redrive(queue)
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(RedriveError);
    expect(failure).toMatchObject({ queue, redriven: 0, message: expect.stringContaining('312 NO_ROUTE') });
    expect(idsOf(await lotOf(other).list(queue))).toEqual(['a', 'b']);
  });

  it('loses nothing when the filter throws', async () => {
    const queue = newQueue();
    const { app } = await parked(queue, ['a', 'b']);
    const filter = ({ messageId }: { messageId: string | undefined }): boolean => {
      if (messageId === 'a') throw new Error('a filter that fails');
      return true;
    };
    await expect(lotOf(app).redrive(queue, { filter })).rejects.toThrow('a filter that fails');
    expect(idsOf(await lotOf(app).list(queue))).toEqual(['a', 'b']);
  });

  it('redrives messages that another client has parked, unchanged', async () => {
    const queue = newQueue();
    let broken = true;
    const { app, seen } = await parked(queue, [], () => broken);
    broken = false;
    await nest.channel.queueDeclare(`${queue}.parked`);
    await nest.channel.publish('', `${queue}.parked`, '1', { messageId: 'mine', headers: { a: 1 } });
    const [message] = await lotOf(app).list(queue);
    expect(message).toMatchObject({ messageId: 'mine', attempts: 0, lastFailure: undefined });
    await expect(lotOf(app).redrive(queue)).resolves.toMatchObject({ redriven: 1 });
    expect((await seen.next()).delivery.properties).toMatchObject({ messageId: 'mine', headers: { a: 1 } });
  });

  it('purges', async () => {
    const queue = newQueue();
    const { app } = await parked(queue, ['a', 'b']);
    await expect(lotOf(app).purge(queue)).resolves.toBe(2);
    expect(await lotOf(app).list(queue)).toEqual([]);
  });

  it('is empty for a queue whose messages were never parked', async () => {
    const queue = newQueue();
    const { app } = await parked(queue, []);
    await expect(lotOf(app).list(queue)).resolves.toEqual([]);
    await expect(lotOf(app).redrive(queue)).resolves.toEqual({ redriven: 0, kept: 0, failed: 0 });
    await expect(lotOf(app).purge(queue)).resolves.toBe(0);
  });

  it('rejects an unknown queue or an invalid count', async () => {
    const lot = lotOf(await nest.start({}));
    const queue = nest.name();
    await expect(lot.list(queue)).rejects.toThrow(NotFoundError);
    await expect(lot.redrive(queue)).rejects.toThrow(NotFoundError);
    await expect(lot.purge(queue)).rejects.toThrow(NotFoundError);
    await expect(lot.list(queue, { limit: 0 })).rejects.toThrow(ConfigurationError);
    await expect(lot.redrive(queue, { limit: 1.5 })).rejects.toThrow(ConfigurationError);
    await expect(lot.list(queue, { connection: 'other' })).rejects.toThrow("no AMQP connection 'other'");
  });

  it.each([
    [{ limt: 1 }, "ParkingLot: unknown option 'limt'; did you mean 'limit'?"],
    [{ fliter: () => false }, "did you mean 'filter'?"],
    [{ filter: 'ECONNREFUSED' }, "ParkingLot: filter must be a function; it is a string, 'ECONNREFUSED'"],
    [{ signal: true }, 'ParkingLot: signal must be an AbortSignal'],
    [{ connection: 5 }, 'ParkingLot: connection must be a string'],
    [null, 'ParkingLot: expected an object with options, got null'],
  ])('refuses %j, which would concern every message', async (options, message) => {
    const lot = lotOf(await nest.start({}));
    const queue = nest.name();
    await expect(lot.redrive(queue, options as never)).rejects.toThrow(message);
    await expect(lot.list(queue, options as never)).rejects.toThrow(ConfigurationError);
    await expect(lot.purge(queue, options as never)).rejects.toThrow(ConfigurationError);
  });
});
