import { Controller } from '@nestjs/common';
import {
  Ctx,
  EventPattern,
  MessagePattern,
  Payload,
  RmqContext,
  RmqRecordBuilder,
  RpcException,
  type ClientProxy,
} from '@nestjs/microservices';
import { beforeEach, describe, expect, it } from '@jest/globals';
import {
  asyncScheduler,
  firstValueFrom,
  from,
  lastValueFrom,
  NEVER,
  Observable,
  observeOn,
  of,
  scan,
  startWith,
  take,
  toArray,
} from 'rxjs';
import { AmqpRecordBuilder } from 'nest-amqp/microservices';
import { errorOf } from '../client/support/client-harness.js';
import { Inbox } from '../support/inbox.js';
import { SIDES, useMicro } from './support/micro-harness.js';

const harness = useMicro();
const sumOf = (data: number[]): number => data.reduce((a, b) => a + b, 0);
let events: Inbox<unknown>;

@Controller()
class Calculator {
  @MessagePattern({ cmd: 'sum' })
  sum(data: number[]): number {
    return sumOf(data);
  }

  @MessagePattern({ cmd: 'asyncSum' })
  async asyncSum(data: number[]): Promise<number> {
    return sumOf(data);
  }

  @MessagePattern({ cmd: 'observableSum' })
  observableSum(data: number[]): Observable<number> {
    return of(sumOf(data));
  }

  @MessagePattern({ service: 'numbers', cmd: 'stream' })
  stream(data: number[]): Observable<number> {
    return from(data);
  }

  @MessagePattern('one-by-one')
  oneByOne(data: number[]): Observable<number> {
    return from(data).pipe(observeOn(asyncScheduler));
  }

  @MessagePattern('endless')
  endless(): Observable<number> {
    return NEVER.pipe(startWith(1));
  }

  @MessagePattern('nothing')
  nothing(): void {}

  @MessagePattern('empty')
  empty(): Observable<never> {
    return from([]);
  }

  @MessagePattern('gives null')
  givesNull(): null {
    return null;
  }

  @MessagePattern('fails')
  fails(): never {
    throw new RpcException({ code: 7, message: 'seven' });
  }

  @MessagePattern('fails with text')
  failsWithText(): never {
    throw new RpcException('in words');
  }

  @MessagePattern('breaks')
  breaks(): never {
    throw new Error('a secret');
  }

  @MessagePattern('fails midway')
  failsMidway(): Observable<number> {
    return new Observable((observer) => {
      observer.next(1);
      observer.error(new RpcException('midway'));
    });
  }

  @MessagePattern('record')
  record(@Payload() data: unknown, @Ctx() context: RmqContext): unknown {
    const { headers, priority, messageId, expiration, deliveryMode } = context.getMessage()['properties'];
    return { data, pattern: context.getPattern(), headers, priority, messageId, expiration, deliveryMode };
  }

  @EventPattern('notified')
  onNotified(data: unknown): void {
    events.add(data);
  }

  @EventPattern({ event: 'object' })
  onObject(@Payload() data: unknown, @Ctx() context: RmqContext): void {
    events.add([data, context.getMessage()['properties'].headers]);
  }
}

const pairs = SIDES.flatMap((client) => SIDES.map((server) => ({ client, server })));

describe.each(pairs)('$client client with $server server', (sides) => {
  let queue: string;
  let client: ClientProxy;

  const all = <T>(pattern: unknown, data: unknown): Promise<T[]> =>
    firstValueFrom(client.send<T>(pattern, data).pipe(toArray()));

  beforeEach(async () => {
    events = new Inbox();
    queue = harness.name('interop');
    const options = { queue, queueOptions: { durable: false } };
    await harness.serve([Calculator], options, sides.server);
    client = harness.client({ ...options, headers: { 'x-client': 'default' } }, sides.client);
  });

  it.each(['sum', 'asyncSum', 'observableSum'])('answers { cmd: %j } once', async (cmd) => {
    expect(await all({ cmd }, [1, 2, 3, 4, 5])).toEqual([15]);
  });

  it('answers each of many requests at once', async () => {
    const inputs = Array.from({ length: 100 }, (_, n) => Array.from({ length: 10 }, (_, k) => n * 10 + k));
    const sums = await Promise.all(inputs.map((input) => all({ cmd: 'sum' }, input)));
    expect(sums).toEqual(inputs.map((input) => [sumOf(input)]));
  });

  it('streams, whatever the order of the pattern’s properties', async () => {
    expect(await all({ cmd: 'stream', service: 'numbers' }, [1, 2, 3])).toEqual([1, 2, 3]);
    const sums = client.send<number>({ service: 'numbers', cmd: 'stream' }, [1, 2, 3]).pipe(scan((a, b) => a + b));
    expect(await lastValueFrom(sums)).toBe(6);
  });

  it('streams values one by one, including zeros', async () => {
    expect(await all('one-by-one', [0, 1, 0, 2])).toEqual([0, 1, 0, 2]);
  });

  it('lets a subscriber leave a stream that does not end', async () => {
    expect(await firstValueFrom(client.send('endless', {}).pipe(take(1), toArray()))).toEqual([1]);
    expect(await all({ cmd: 'sum' }, [1])).toEqual([1]);
  });

  it('completes without a value where the handler has none', async () => {
    expect(await all('nothing', {})).toEqual([]);
    expect(await all('empty', {})).toEqual([]);
    expect(await all('gives null', {})).toEqual([null]);
  });

  it('transfers errors: objects, texts, within a stream, and for a bug only a generic error', async () => {
    expect(await errorOf(all('fails', {}))).toEqual({ code: 7, message: 'seven' });
    expect(await errorOf(all('fails with text', {}))).toEqual({ status: 'error', message: 'in words' });
    expect(await errorOf(all('breaks', {}))).toEqual({ status: 'error', message: 'Internal server error' });
    const seen: unknown[] = [];
    const midway = new Promise((resolve) => {
      client.send('fails midway', {}).subscribe({ next: (value) => seen.push(value), error: resolve });
    });
    expect(await midway).toEqual({ status: 'error', message: 'midway' });
    // When all values are emitted at once, Nest's server sends only the error.
    expect([[], [1]]).toContainEqual(seen);
  });

  it('reports a pattern without a handler', async () => {
    expect(await errorOf(all('unheard of', {}))).toBe(
      'There is no matching message handler defined in the remote service.',
    );
  });

  it.each([
    ['RmqRecord', RmqRecordBuilder],
    ['AmqpRecord', AmqpRecordBuilder],
  ])('carries the data and options of an %s', async (_, Builder) => {
    const record = new Builder({ id: 1 })
      .setOptions({ headers: { 'x-version': '1.0.0' }, priority: 3, messageId: 'm-1', expiration: 60_000 })
      .build();
    expect(await firstValueFrom(client.send('record', record))).toEqual({
      data: { id: 1 },
      pattern: 'record',
      headers: { 'x-client': 'default', 'x-version': '1.0.0' },
      priority: 3,
      messageId: 'm-1',
      expiration: '60000',
      deliveryMode: 1,
    });
  });

  it('delivers events, with or without a subscriber', async () => {
    expect(await lastValueFrom(client.emit('notified', { id: 1 }))).toBeUndefined();
    client.emit('notified', 'not subscribed to');
    expect(await events.take(2)).toEqual([{ id: 1 }, 'not subscribed to']);
    const record = new RmqRecordBuilder([1]).setOptions({ headers: { 'x-client': 'own' } }).build();
    await lastValueFrom(client.emit({ event: 'object' }, record));
    expect(await events.next()).toEqual([[1], { 'x-client': 'own' }]);
  });

  it('continues after an unreadable message', async () => {
    const broken = [
      Buffer.from([0xff, 0xfe, 0]),
      Buffer.from('no JSON'),
      Buffer.from('null'),
      Buffer.from('[]'),
      Buffer.alloc(0),
    ];
    for (const body of broken) await harness.channel.publish('', queue, body);
    expect(await all({ cmd: 'sum' }, [2])).toEqual([2]);
  });
});
