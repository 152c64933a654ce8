import { Controller, type Type } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload, RmqContext, RpcException } from '@nestjs/microservices';
import { describe, expect, it } from '@jest/globals';
import { concat, EMPTY, firstValueFrom, lastValueFrom, of, throwError, type Observable } from 'rxjs';
import { fixed, RejectMessage, RequeueMessage } from 'nest-amqp';
import { AmqpRpcContext, type AmqpTransportOptions } from 'nest-amqp/microservices';
import { NotFoundError, type Delivery } from 'nest-amqp/client';
import { errorOf, eventually } from '../client/support/client-harness.js';
import { Inbox } from '../support/inbox.js';
import { useMicro } from './support/micro-harness.js';

const harness = useMicro();
/** Short delays, with a queue that `harness.name()` deletes. */
const retry = { attempts: 3, backoff: fixed(20) };

/** Returns a service with a handler of events, and one of requests that shows whether the queue is still served. */
function service(handle: (data: unknown, context: AmqpRpcContext) => unknown): Type {
  @Controller()
  class Service {
    @EventPattern<string>('told')
    told(@Payload() data: unknown, @Ctx() context: AmqpRpcContext): unknown {
      return handle(data, context);
    }

    @MessagePattern('ping')
    ping(): string {
      return 'pong';
    }
  }
  return Service;
}

/** Serves the service, and sends one event. */
async function tell(
  handle: (data: unknown, context: AmqpRpcContext) => unknown,
  options: AmqpTransportOptions = {},
  data: unknown = 1,
) {
  const queue = options.queue ?? harness.name();
  const app = await harness.serve([service(handle)], { queue, prefetchCount: 1, retry, ...options });
  const client = harness.client({ queue, ...(options.queueOptions && { queueOptions: options.queueOptions }) });
  await lastValueFrom(client.emit('told', data));
  /** With a prefetch of 1 the answer proves that all earlier messages are settled. */
  const goesOn = async (): Promise<void> => expect(await firstValueFrom(client.send('ping', {}))).toBe('pong');
  return { queue, app, client, goesOn };
}

/**
 * Takes the next message out of a queue, which may not exist yet. RabbitMQ answers basic.get with 541 while it creates the queue.
 */
async function taken(queue: string): Promise<Delivery> {
  await eventually(async () => {
    try {
      return (await harness.ready(queue)) > 0;
    } catch (error) {
      if (error instanceof NotFoundError) return false;
      throw error;
    }
  });
  return eventually(() => harness.channel.basicGet(queue, { noAck: true }));
}

/** The queue for parked messages is declared with the first parked message. */
async function neverParked(queue: string): Promise<void> {
  await expect(harness.ready(`${queue}.parked`)).rejects.toThrow(NotFoundError);
}

/** The queue has neither ready nor unacknowledged messages. */
async function empty(queue: string): Promise<void> {
  expect(await harness.ready(queue)).toBe(0);
  const { consumerCount } = await harness.channel.queueDeclare(queue, { passive: true });
  expect(consumerCount).toBe(0);
}

describe('An event', () => {
  it.each<[string, () => unknown]>([
    ['returns', () => undefined],
    ['resolves', async () => 'a value'],
    ['completes with values', () => of(1, 2)],
    ['completes without one', () => EMPTY],
  ])('whose handler %s is acknowledged afterwards', async (_, handle) => {
    const { queue, app, goesOn } = await tell(handle);
    await goesOn();
    await app.close();
    await empty(queue);
    await neverParked(queue);
  });

  it.each<[string, () => unknown, string]>([
    [
      'throws',
      () => {
        throw new TypeError('a bug');
      },
      'TypeError: a bug',
    ],
    [
      'throws an RpcException',
      () => {
        throw new RpcException('no such order');
      },
      'no such order',
    ],
    ['rejects', () => Promise.reject(new RpcException({ code: 7 })), 'RpcException: Rpc Exception (code 7)'],
    [
      'fails after a value',
      () =>
        concat(
          of(1),
          throwError(() => new RpcException('late')),
        ),
      'late',
    ],
  ])('whose handler %s is tried three times, then parked with the reason', async (_, handle, reason) => {
    // prettier-ignore
    const attempts: number[] = [];
    const { queue, goesOn } = await tell((_data, context) => {
      attempts.push(context.attempt);
      expect(context.properties.headers).toEqual({});
      expect(context.getMessage().fields.routingKey).toBe(queueOf(context));
      return handle();
    });
    const parked = await taken(`${queue}.parked`);
    expect(attempts).toEqual([1, 2, 3]);
    expect(parked.json()).toEqual({ pattern: 'told', data: 1 });
    expect(JSON.stringify(parked.properties.headers)).toContain(reason);
    await goesOn();
    expect(harness.lines.with('parked in')).toHaveLength(1);
  });

  it('of several handlers is acknowledged when all of them have succeeded', async () => {
    const calls: string[] = [];
    const queue = harness.name();

    @Controller()
    class First {
      @EventPattern({ event: 'told' })
      async first(): Promise<void> {
        calls.push('first');
      }
    }

    @Controller()
    class Second {
      @EventPattern({ event: 'told' })
      second(): Observable<never> {
        calls.push('second');
        return calls.length < 4 ? throwError(() => new RpcException('not yet')) : EMPTY;
      }
    }
    await harness.serve([First, Second], { queue, retry });
    await lastValueFrom(harness.client({ queue }).emit({ event: 'told' }, 1));
    await eventually(() => calls.length === 4);
    expect(calls.toSorted()).toEqual(['first', 'first', 'second', 'second']);
    await neverParked(queue);
  });

  it('is rejected or requeued where an RpcException says so', async () => {
    const dead = harness.name('dead');
    await harness.channel.queueDeclare(dead);
    let calls = 0;
    const queueOptions = { deadLetterExchange: '', deadLetterRoutingKey: dead };
    await tell(
      (_data, { delivery }) => {
        calls++;
        if (!delivery.redelivered) throw new RpcException(new RequeueMessage('once more'));
        throw new RpcException(new RejectMessage('never'));
      },
      { queueOptions },
    );
    expect((await taken(dead)).json()).toEqual({ pattern: 'told', data: 1 });
    expect(calls).toBe(2);
  });

  it('is dead-lettered or dropped, as `retry.then` says', async () => {
    const dead = harness.name('dead');
    await harness.channel.queueDeclare(dead);
    const { goesOn } = await tell(() => Promise.reject(new Error('no')), {
      retry: { attempts: 1, then: 'dead-letter' },
      queueOptions: { deadLetterExchange: '', deadLetterRoutingKey: dead },
    });
    expect((await taken(dead)).json()).toEqual({ pattern: 'told', data: 1 });
    await goesOn();
  });

  it('that fails is retried in the process when the queue is exclusive', async () => {
    const exchange = harness.name('fanout');
    const attempts = new Inbox<number>();
    const handle = (_: unknown, { attempt }: AmqpRpcContext): void => {
      attempts.add(attempt);
      throw new Error('no');
    };
    const options = { exchange, exchangeType: 'fanout' };
    await harness.serve([service(handle)], { ...options, retry: { attempts: 3, backoff: fixed(20) } });
    await lastValueFrom(harness.client(options).emit('told', 1));
    expect(await attempts.take(3)).toEqual([1, 2, 3]);
    await harness.lines.until('rejected');
  });
});

const queueOf = (context: AmqpRpcContext): string => context.queue;

describe('A handler', () => {
  it('may settle its message itself, through the channel and twice', async () => {
    const handle = (_data: unknown, context: RmqContext): void => {
      const [channel, message] = [context.getChannelRef(), context.getMessage()];
      channel.ack(message);
      channel.ack(message);
      channel.nack(message);
    };
    const { queue, app, goesOn } = await tell(handle as never);
    await goesOn();
    await app.close();
    await empty(queue);
  });

  it.each<[string, (context: AmqpRpcContext) => void]>([
    ['context.nack()', (context) => context.nack()],
    ['context.reject({ requeue: true })', (context) => context.reject({ requeue: true })],
    ['channel.nack(message)', (context) => context.getChannelRef().nack(context.getMessage())],
    ['channel.reject(message)', (context) => context.getChannelRef().reject(context.getMessage())],
  ])('receives its message again after %s', async (_, giveBack) => {
    const redelivered: boolean[] = [];
    const { goesOn } = await tell((_data, context) => {
      redelivered.push(context.getMessage().fields.redelivered);
      if (redelivered.length === 1) giveBack(context);
    });
    await goesOn();
    expect(redelivered).toEqual([false, true]);
  });

  it.each<[string, (context: AmqpRpcContext) => void]>([
    ['context.reject()', (context) => context.reject()],
    [
      'channel.nack(message, false, false)',
      (context) => context.getChannelRef().nack(context.getMessage(), false, false),
    ],
    ['channel.reject(message, false)', (context) => context.getChannelRef().reject(context.getMessage(), false)],
  ])('dead-letters its message by %s', async (_, refuse) => {
    const dead = harness.name('dead');
    await harness.channel.queueDeclare(dead);
    const queueOptions = { deadLetterExchange: '', deadLetterRoutingKey: dead };
    const { goesOn } = await tell((_data, context) => refuse(context), { queueOptions });
    expect((await taken(dead)).json()).toEqual({ pattern: 'told', data: 1 });
    await goesOn();
  });

  it('cannot settle the message of another', async () => {
    let first: AmqpRpcContext | undefined;
    const seen = new Inbox<unknown>();
    const handle = async (data: unknown, context: AmqpRpcContext): Promise<void> => {
      if (!first) first = context;
      else context.getChannelRef().nack(first.getMessage());
      seen.add([data, context.settled]);
    };
    const { client, goesOn } = await tell(handle);
    await lastValueFrom(client.emit('told', 2));
    expect(await seen.take(2)).toEqual([[1, false], [2, false]]); // prettier-ignore
    await goesOn();
  });

  it('settles at any time where `ack` is manual; a failure is settled by the server', async () => {
    const contexts = new Inbox<AmqpRpcContext>();
    const handle = (data: unknown, context: AmqpRpcContext): void => {
      if (data === 'bad') throw new Error('no');
      contexts.add(context);
    };
    const { queue, client, app } = await tell(handle, { ack: 'manual', prefetchCount: 10 });
    const context = await contexts.next();
    await lastValueFrom(client.emit('told', 'bad'));
    expect((await taken(`${queue}.parked`)).json()).toMatchObject({ data: 'bad' });
    expect(context.settled).toBe(false);
    await lastValueFrom(client.emit('told', 'left open'));
    await contexts.next();
    context.ack();
    await app.close();
    expect((await taken(queue)).json()).toMatchObject({ data: 'left open' });
  });

  it('has nothing to settle with noAck, and failures are dropped', async () => {
    const { queue, app, goesOn } = await tell(() => { throw new Error('no'); }, { noAck: true }); // prettier-ignore
    await goesOn();
    await app.close();
    await empty(queue);
    expect(await errorOf(harness.ready(`${queue}.parked`))).toMatchObject({ replyCode: 404 });
  });
});

describe('A message', () => {
  const publish = (queue: string, body: string | Buffer, properties = {}): Promise<number> =>
    harness.channel.publish('', queue, body, properties);

  it.each([
    ['without a pattern', '{"data":1}'],
    ['whose pattern nobody handles', '{"pattern":"unheard of","data":1}'],
    ['whose pattern is an object that nobody handles', '{"pattern":{"cmd":"x"},"data":1}'],
    ['whose pattern is null', '{"pattern":null,"data":1}'],
    ['that is JSON and no packet', '[1,2]'],
    ['that is null', 'null'],
    ['that is no JSON', 'hello'],
    ['that is no text', Buffer.from([0xff, 0x00, 0xfe])],
    ['without a body', ''],
    ['whose pattern is nested without end', `{"pattern":${'['.repeat(20_000)}${']'.repeat(20_000)},"data":1}`],
    ['with a pattern of many keys', JSON.stringify({ pattern: Object.fromEntries(Array.from({ length: 999 }, (_, n) => [n, n])) })], // prettier-ignore
  ])('%s is parked at once, unchanged, and the queue is still served', async (_, body) => {
    const { queue, goesOn } = await tell(() => {});
    await publish(queue, body, { messageId: 'odd' });
    await goesOn();
    const parked = await taken(`${queue}.parked`);
    expect(parked.body).toEqual(Buffer.from(body));
    expect(parked.properties.messageId).toBe('odd');
    const [line] = harness.lines.with("Message 'odd'");
    expect(line).toContain('attempt 1 of 3');
    expect(line!.length).toBeLessThan(700);
  });

  it('that the deserializer refuses is parked, and its text is not logged', async () => {
    const deserializer = {
      deserialize(value: unknown): never {
        if (typeof value === 'string') throw new SyntaxError('not a packet');
        return value as never;
      },
    };
    const { queue, goesOn } = await tell(() => {}, { deserializer });
    await publish(queue, 'card 4111');
    await goesOn();
    expect((await taken(`${queue}.parked`)).text()).toBe('card 4111');
    expect(harness.lines.with('4111')).toEqual([]);
    expect(harness.lines.with('SyntaxError: not a packet')).toHaveLength(1);
  });

  it('that is not a packet can be turned into one by the deserializer, from its bytes and properties', async () => {
    const seen = new Inbox<unknown>();
    const deserializer = {
      deserialize: (value: unknown, { type, content }: { type?: string; content?: Buffer } = {}) =>
        type === 'bytes' ? { pattern: 'told', data: [...content!], id: '' } : (value as never),
    };
    const queue = harness.name();
    const client = harness.client({ queue });
    await harness.serve([service(seen.add)], { queue, deserializer: { deserialize: (v, o) => {
      const packet = deserializer.deserialize(v, o as never) as { id?: string };
      return packet.id === '' ? { ...packet, id: undefined } as never : packet as never;
    } } }); // prettier-ignore
    await publish(queue, Buffer.from([0xff, 0]), { type: 'bytes' });
    expect(await seen.next()).toEqual([0xff, 0]);
    expect(await firstValueFrom(client.send('ping', {}))).toBe('pong');
  });
});

describe('A request', () => {
  it('with an unknown pattern is answered with an error, and acknowledged', async () => {
    const { queue, app, client, goesOn } = await tell(() => {});
    expect(await errorOf(firstValueFrom(client.send('unheard of', {})))).toBe(
      'There is no matching message handler defined in the remote service.',
    );
    await goesOn();
    expect(harness.lines.with('no handler for pattern "unheard of"')).toHaveLength(1);
    await app.close();
    await empty(queue);
    await neverParked(queue);
  });

  it('without reply-to is handled', async () => {
    const { queue, goesOn } = await tell(() => {});
    await harness.channel.publish('', queue, '{"pattern":"ping","data":{},"id":"1"}');
    await harness.channel.publish('', queue, '{"pattern":"unheard of","data":{},"id":"1"}');
    await goesOn();
  });

  it('whose channel is lost during its handling is answered by the handler of its redelivery', async () => {
    const runs = new Inbox<(answer: string) => void>();

    @Controller()
    class Service {
      @MessagePattern('who')
      who(): Promise<string> {
        return new Promise((resolve) => runs.add(resolve));
      }
    }
    const queue = harness.name();
    const { proxy, url } = await harness.proxy();
    await harness.serve([Service], { queue, urls: url, connection: { reconnect: { initialDelay: 20, maxDelay: 50 } } });
    const client = harness.client({ queue });
    const answer = firstValueFrom(client.send('who', {}));
    const first = await runs.next();
    proxy.cut();
    const second = await runs.next();
    first('the one that has it no more');
    // Replies are sent in the order in which handlers return.
    await new Promise((resolve) => setImmediate(resolve));
    second('the one that has it');
    expect(await answer).toBe('the one that has it');
  });

  it('whose requester has gone is acknowledged', async () => {
    const { queue, app, goesOn } = await tell(() => {});
    await harness.channel.publish('', queue, '{"pattern":"ping","data":{},"id":"1"}', {
      replyTo: 'gone',
      correlationId: '1',
    });
    await harness.channel.publish('', queue, '{"pattern":"ping","data":{},"id":"1"}', {
      replyTo: 'amq.rabbitmq.reply-to.nonsense',
      correlationId: '1',
    });
    await goesOn();
    await app.close();
    await empty(queue);
  });

  it('whose reply cannot be serialized is answered with an error, and acknowledged', async () => {
    @Controller()
    class Odd {
      @MessagePattern('bigint')
      bigint(): unknown {
        return { secret: 4111n };
      }

      @MessagePattern('midway')
      midway(): unknown {
        return of(1, 2n, 3);
      }

      @MessagePattern('error')
      error(): never {
        throw new RpcException(new RangeError('out of it'));
      }
    }
    const queue = harness.name();
    const app = await harness.serve([Odd], { queue });
    const client = harness.client({ queue });
    const error = { status: 'error', message: 'the reply cannot be written' };
    expect(await errorOf(firstValueFrom(client.send('bigint', {})))).toEqual(error);
    expect(await errorOf(lastValueFrom(client.send('midway', {})))).toEqual(error);
    expect(await errorOf(firstValueFrom(client.send('error', {})))).toMatchObject({
      status: 'error',
      message: 'out of it',
    });
    expect(harness.lines.with('No reply to')).toHaveLength(2);
    expect(harness.lines.with('4111')).toEqual([]);
    await app.close();
    await empty(queue);
  });
});

describe('The first line of the log', () => {
  it('says once that messages are acknowledged after their handlers', async () => {
    const queue = harness.name();
    const app = await harness.serve([service(() => {})], { queue });
    const said = 'are acknowledged after their handlers';
    expect(harness.lines.with(said)).toHaveLength(1);
    expect(harness.lines.inbox.all.find((line) => line.includes(`'${queue}'`))).toContain(said);
    await app.close();
  });

  it.each([true, false])('does not when noAck is %p', async (noAck) => {
    await harness.serve([service(() => {})], { queue: harness.name(), noAck });
    expect(harness.lines.with('are acknowledged after')).toEqual([]);
  });
});
