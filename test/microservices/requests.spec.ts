import { AsyncLocalStorage } from 'node:async_hooks';
import { Controller } from '@nestjs/common';
import { MessagePattern, type ClientProxy } from '@nestjs/microservices';
import { EmbeddedBroker } from 'nest-amqp/broker';
import { describe, expect, it } from '@jest/globals';
import {
  catchError,
  firstValueFrom,
  lastValueFrom,
  NEVER,
  of,
  startWith,
  Subject,
  take,
  tap,
  toArray,
  type Observable,
} from 'rxjs';
import { AmqpClientProxy, AmqpRecordBuilder, RequestTimeoutError } from 'nest-amqp/microservices';
import {
  ConnectionClosedError,
  ConnectionError,
  ConnectionLostError,
  MessageReturnedError,
  PublishNackedError,
  TimeoutError,
} from 'nest-amqp/client';
import { errorOf, eventOf, eventually } from '../client/support/client-harness.js';
import { Inbox } from '../support/inbox.js';
import { useMicro } from './support/micro-harness.js';

const harness = useMicro();

/** Creates a client for a queue that the test answers itself. */
async function silent(options: ConstructorParameters<typeof AmqpClientProxy>[0] = {}) {
  const queue = harness.name();
  const requests = new Inbox<Awaited<ReturnType<typeof harness.channel.basicGet>> & object>();
  await harness.channel.queueDeclare(queue);
  const consumer = await harness.channel.basicConsume(queue, requests.add, { noAck: true });
  harness.onEnd(() => consumer.cancel());
  const client = harness.client({ queue, ...options }) as AmqpClientProxy;
  /** Replies to the next request with all parts of an answer. */
  const reply = async (...packets: unknown[]): Promise<void> => {
    const { properties } = await requests.next();
    for (const packet of packets) {
      const body = typeof packet === 'string' ? packet : JSON.stringify(packet);
      await harness.channel.publish('', properties.replyTo!, body, { correlationId: properties.correlationId });
    }
  };
  return { queue, client, requests, reply };
}

const valueOf = <T = unknown>(stream: Observable<T>): Promise<T> => firstValueFrom(stream);

describe('A request', () => {
  it('fails after its deadline, and a later reply is dropped', async () => {
    const { client, requests, reply } = await silent({ requestTimeout: 50 });
    const error = await errorOf<RequestTimeoutError>(valueOf(client.send({ cmd: 'slow' }, {})));
    expect(error).toBeInstanceOf(RequestTimeoutError);
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({ pattern: '{"cmd":"slow"}', timeout: 50, outcome: 'unknown' });
    await reply({ response: 'late', isDisposed: true });
    const next = valueOf(client.send('quick', new AmqpRecordBuilder({}).setOptions({ timeout: 10_000 }).build()));
    await reply({ response: 'in time', isDisposed: true });
    expect(await next).toBe('in time');
    expect(requests.all).toHaveLength(2);
  });

  it('N4.4 is answered in the async context of its subscriber, in any order', async () => {
    const { client, requests } = await silent({ requestTimeout: 10_000 });
    const users = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const ask = (user: string): Promise<unknown> =>
      users.run(user, () => valueOf(client.send('who', {}).pipe(tap(() => seen.push(users.getStore())))));
    const first = ask('ada');
    const { properties: one } = await requests.next();
    const second = ask('bob');
    const { properties: two } = await requests.next();
    const body = JSON.stringify({ response: 'you', isDisposed: true });
    for (const { replyTo, correlationId } of [two, one]) {
      await harness.channel.publish('', replyTo!, body, { correlationId });
    }
    await Promise.all([first, second]);
    expect(seen).toEqual(['bob', 'ada']);
  });

  it('N4.4 that fails notifies its subscriber in the async context of the subscriber', async () => {
    const { client } = await silent({ requestTimeout: 30 });
    const users = new AsyncLocalStorage<string>();
    await users.run('ada', () => client.connect());
    const seen: unknown[] = [];
    const error = catchError(() => of(seen.push(users.getStore())));
    await users.run('bob', () => valueOf(client.send('who', {}).pipe(error)));
    expect(seen).toEqual(['bob']);
  });

  it('uses the deadline of its record', async () => {
    const { client } = await silent();
    const record = new AmqpRecordBuilder({}).setOptions({ timeout: 30 }).build();
    expect(await errorOf(valueOf(client.send('slow', record)))).toMatchObject({ timeout: 30 });
  });

  it('without a queue fails at once', async () => {
    const queue = harness.name();
    await harness.channel.queueDeclare(queue);
    const client = harness.client({ queue, noAssert: true });
    await client.connect();
    await harness.channel.queueDelete(queue);
    const error = await errorOf<MessageReturnedError>(valueOf(client.send('who', {})));
    expect(error).toBeInstanceOf(MessageReturnedError);
    expect(error).toMatchObject({ replyText: 'NO_ROUTE', routingKey: queue });
  });

  it('that the queue refuses fails at once', async () => {
    const queue = harness.name();
    await harness.channel.queueDeclare(queue, { arguments: { 'x-max-length': 0, 'x-overflow': 'reject-publish' } });
    const client = harness.client({ queue, noAssert: true });
    expect(await errorOf(valueOf(client.send('who', {})))).toBeInstanceOf(PublishNackedError);
    expect(await errorOf(lastValueFrom(client.emit('told', {})))).toBeInstanceOf(PublishNackedError);
  });

  it('fails at once when the connection is lost, and so do later ones until the reconnect', async () => {
    const { proxy, url } = await harness.proxy();
    const { client, requests, reply } = await silent({
      urls: url,
      connection: { reconnect: { initialDelay: 20, maxDelay: 50 } },
    });
    const errors = Array.from({ length: 50 }, () => errorOf(valueOf(client.send('who', {}))));
    await requests.take(50);
    const connection = client.unwrap();
    const lost = eventOf(connection, 'disconnected');
    const back = eventOf(connection, 'reconnected');
    proxy.refuse();
    const begin = performance.now();
    proxy.cut();
    for (const error of await Promise.all(errors)) {
      expect(error).toBeInstanceOf(ConnectionLostError);
      expect(error).toMatchObject({ outcome: 'unknown' });
    }
    expect(performance.now() - begin).toBeLessThan(1_000);
    await lost;
    const refused = await errorOf(valueOf(client.send('who', {})));
    expect(refused).toBeInstanceOf(ConnectionLostError);
    expect(refused).toMatchObject({ outcome: 'not-sent' });
    // The event waits for the connection, within its deadline.
    const event = lastValueFrom(client.emit('told', 1));
    await proxy.accept();
    await back;
    await event;
    expect((await requests.next()).json()).toEqual({ pattern: 'told', data: 1 });
    const answer = valueOf(client.send('who', {}));
    await reply({ response: 'me', isDisposed: true });
    expect(await answer).toBe('me');
  });

  it('fails when the client is closed; the client connects anew for the next one', async () => {
    const { client, requests, reply } = await silent();
    const pending = errorOf(valueOf(client.send('who', {})));
    await requests.next();
    await client.close();
    expect(await pending).toBeInstanceOf(ConnectionClosedError);
    await Promise.all([client.close(), client.close()]);
    const again = valueOf(client.send('who', {}));
    await reply({ response: 'still here', isDisposed: true });
    expect(await again).toBe('still here');
  });

  it('fails with the reason when no broker answers: Nest’s disconnected client', async () => {
    const queue = harness.name();
    const client = harness.client({ urls: 'amqp://127.0.0.1:1', queue, publishTimeout: 100 });
    expect(await errorOf(valueOf(client.send('who', {})))).toBeInstanceOf(ConnectionError);
    expect(await errorOf(lastValueFrom(client.emit('told', {})))).toBeInstanceOf(ConnectionError);
    // The error is not final: the client tries again.
    expect(await errorOf(client.connect())).toBeInstanceOf(ConnectionError);
    const wrong = new URL(harness.url);
    wrong.username = 'nobody';
    const refused = harness.client({ urls: wrong.href, queue });
    expect(await errorOf(valueOf(refused.send('who', {})))).toMatchObject({ replyCode: 403 });
  });

  it('that cannot be serialized is the only one to fail', async () => {
    const { client, reply } = await silent();
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    expect(await errorOf(valueOf(client.send('who', circular)))).toBeInstanceOf(TypeError);
    expect(await errorOf(lastValueFrom(client.emit('told', 1n)))).toBeInstanceOf(TypeError);
    const answer = valueOf(client.send('who', {}));
    await reply({ response: 1, isDisposed: true });
    expect(await answer).toBe(1);
  });

  it('is discarded when its subscriber unsubscribes', async () => {
    const { client, requests, reply } = await silent({ requestTimeout: 10_000 });
    const seen: unknown[] = [];
    const subscription = client
      .send('who', {})
      .subscribe({ next: (value) => seen.push(value), error: (e) => seen.push(e) });
    await eventually(() => requests.waiting === 1);
    const { routingMap } = client as unknown as { routingMap: Map<string, unknown> };
    expect(routingMap.size).toBe(1);
    subscription.unsubscribe();
    expect(routingMap.size).toBe(0);
    await reply({ response: 'too late', isDisposed: true });
    const next = valueOf(client.send('who', {}));
    await reply({ response: 'me', isDisposed: true });
    expect(await next).toBe('me');
    expect(seen).toEqual([]);
  });

  it('that waits is not sent after its subscriber has unsubscribed', async () => {
    await using broker = await EmbeddedBroker.start();
    const client = harness.client({ urls: broker.url, queue: 'prices' }) as AmqpClientProxy;
    await client.connect();
    const blocked = eventOf(client.unwrap(), 'blocked');
    broker.faults.block();
    await blocked;
    const [leaves, stays] = ['leaves', 'stays'].map((data) => client.send('who', data).subscribe());
    leaves!.unsubscribe();
    const published = broker.journal.next('published');
    broker.faults.unblock();
    // Requests are sent in order, so the other one would have been first.
    expect((await published).message.json()).toMatchObject({ data: 'stays' });
    stays!.unsubscribe();
  });

  it('is sent once per subscriber, and not before', async () => {
    const { client, requests, reply } = await silent();
    const cold = client.send('who', {});
    await client.connect();
    expect(requests.all).toHaveLength(0);
    const answers = [valueOf(cold), valueOf(cold)];
    await reply({ response: 1, isDisposed: true });
    await reply({ response: 2, isDisposed: true });
    expect((await Promise.all(answers)).toSorted()).toEqual([1, 2]);
  });

  it('receives its own reply among ten thousand at once', async () => {
    @Controller()
    class Echo {
      @MessagePattern('echo')
      echo(data: number): number {
        return data;
      }
    }
    const queue = harness.name();
    await harness.serve([Echo], { queue });
    const client = harness.client({ queue });
    const numbers = Array.from({ length: 10_000 }, (_, n) => n);
    expect(await Promise.all(numbers.map((n) => valueOf(client.send('echo', n))))).toEqual(numbers);
  });
});

describe('An event', () => {
  it('without a subscriber logs its failure', async () => {
    const queue = harness.name();
    await harness.channel.queueDeclare(queue, { arguments: { 'x-max-length': 0, 'x-overflow': 'reject-publish' } });
    const client = harness.client({ queue, noAssert: true });
    client.emit('told', { card: '4111' });
    const line = await harness.lines.until('An event was not sent');
    expect(line).toContain(`queue '${queue}': PublishNackedError`);
    expect(line).not.toContain('4111');
  });

  const emitMany = (client: ClientProxy): void => {
    for (let n = 0; n < 50; n++) client.emit('told', n);
  };

  it('N4.3 before the connection is sent once it is open', async () => {
    const { proxy, url } = await harness.proxy();
    proxy.refuse();
    const queue = harness.name();
    const client = harness.client({ urls: url, queue, socketOptions: { reconnectTimeInSeconds: 0.01 } });
    emitMany(client);
    await harness.lines.until('next attempt in');
    await proxy.accept();
    await eventually(async () => (await harness.ready(queue).catch(() => 0)) === 50);
    expect((await harness.channel.basicGet(queue, { noAck: true }))!.json()).toEqual({ pattern: 'told', data: 0 });
    expect(harness.lines.with('not sent')).toEqual([]);
  });

  it('N4.3 right before close() is sent', async () => {
    const queue = harness.name();
    const client = harness.client({ queue });
    emitMany(client);
    await client.close();
    expect(await harness.ready(queue)).toBe(50);
  });

  it('N4.3 that cannot be sent is logged: one line with the count and the reason', async () => {
    const client = harness.client({ urls: 'amqp://127.0.0.1:1', queue: harness.name(), publishTimeout: 200 });
    emitMany(client);
    expect(await harness.lines.until('not sent')).toMatch(
      /50 events were not sent to queue '.*': ConnectionLostError: .*127\.0\.0\.1:1/,
    );
    expect(harness.lines.with('not sent')).toHaveLength(1);
  });

  it('is sent once, and every subscriber receives its outcome at any time', async () => {
    const { client, requests } = await silent();
    const event = client.emit('told', 1);
    expect(await Promise.all([lastValueFrom(event), lastValueFrom(event)])).toEqual([undefined, undefined]);
    expect(await lastValueFrom(event)).toBeUndefined();
    await requests.next();
    expect(requests.all).toHaveLength(1);
  });

  it('without a pattern, or without data, is refused like by Nest’s clients', async () => {
    const { client } = await silent();
    for (const refused of [client.emit(undefined, 1), client.emit('told', null), client.send('who', undefined)]) {
      expect((await errorOf(lastValueFrom(refused))).constructor.name).toBe('InvalidMessageException');
    }
  });

  it('completes when the broker has confirmed it, and not before', async () => {
    const { proxy, url } = await harness.proxy();
    const { client, requests } = await silent({ urls: url });
    await client.connect();
    proxy.stall('toClient');
    let complete = false;
    const sent = lastValueFrom(client.emit('told', 1)).then(() => (complete = true));
    await requests.next();
    expect(complete).toBe(false);
    proxy.resume();
    await sent;
  });

  it('fails at its deadline when the broker does not answer', async () => {
    const { proxy, url } = await harness.proxy();
    const { client } = await silent({ urls: url, publishTimeout: 100 });
    await client.connect();
    proxy.stall('toClient');
    expect(await errorOf(lastValueFrom(client.emit('told', 1)))).toMatchObject({ outcome: 'unknown' });
    proxy.resume();
  });
});

describe('A reply', () => {
  it('of another client is dropped, and the next one is accepted', async () => {
    const { client, requests } = await silent();
    const answer = valueOf(client.send('who', {}));
    const { properties } = await requests.next();
    const publish = (correlationId: string | undefined) =>
      harness.channel.publish('', properties.replyTo!, '{"response":"yours","isDisposed":true}', { correlationId });
    await publish('unheard of');
    await publish(undefined);
    await publish(properties.correlationId);
    expect(await answer).toBe('yours');
  });

  it.each([
    ['JSON that is no packet of Nest', '{"total":7}', { total: 7 }],
    ['text', 'seven', 'seven'],
    ['a number', '7', 7],
  ])('that is %s is the value', async (_, body, value) => {
    const { client, reply } = await silent();
    const answer = firstValueFrom(client.send('who', {}).pipe(toArray()));
    await reply(body);
    expect(await answer).toEqual([value]);
  });

  it('that the deserializer cannot read fails only its request', async () => {
    let calls = 0;
    const deserializer = {
      deserialize(value: unknown) {
        if (++calls === 1) throw new RangeError('not mine');
        return value as never;
      },
    };
    const { client, reply } = await silent({ deserializer });
    const first = errorOf(valueOf(client.send('who', {})));
    await reply({ response: 1, isDisposed: true });
    expect(await first).toBeInstanceOf(RangeError);
    const second = valueOf(client.send('who', {}));
    await reply({ response: 2, isDisposed: true });
    expect(await second).toBe(2);
  });
});

describe('The reply queue', () => {
  it('that is deleted fails the waiting requests, and the next one is answered', async () => {
    const replyQueue = harness.name('replies');
    await harness.channel.queueDeclare(replyQueue);
    const { client, requests, reply } = await silent({ replyQueue });
    const failed = errorOf(valueOf(client.send('who', {})));
    await requests.next();
    await harness.channel.queueDelete(replyQueue);
    expect(await failed).toMatchObject({ name: 'ConsumerCancelledError', queue: replyQueue });
    const answer = valueOf(client.send('who', {}));
    await reply({ response: 'me', isDisposed: true });
    expect(await answer).toBe('me');
  });
});

describe('An endless stream', () => {
  it('ends for a subscriber that unsubscribes, without effect on others', async () => {
    const values = new Subject<number>();

    @Controller()
    class Endless {
      @MessagePattern('endless')
      endless(): Observable<number> {
        return NEVER.pipe(startWith(0));
      }

      @MessagePattern('values')
      values(): Observable<number> {
        return values.pipe(startWith(0));
      }
    }
    const queue = harness.name();
    await harness.serve([Endless], { queue });
    const client = harness.client({ queue });
    const seen = new Inbox<number>();
    const subscription = client.send<number>('values', {}).subscribe(seen.add);
    await seen.next();
    expect(await firstValueFrom(client.send('endless', {}).pipe(take(1), toArray()))).toEqual([0]);
    values.next(1);
    expect(await seen.next()).toBe(1);
    subscription.unsubscribe();
  });
});
