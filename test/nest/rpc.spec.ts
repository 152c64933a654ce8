import { Buffer } from 'node:buffer';
import { Injectable, NotFoundException, ParseIntPipe, UseGuards, type CanActivate } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import {
  AmqpConsumerRegistry,
  AmqpRpc,
  classicQueue,
  Payload,
  RejectMessage,
  RetryMessage,
  RpcRemoteError,
  type AmqpModuleOptions,
  type ConsumerFailure,
  type RpcOptions,
} from 'nest-amqp';
import { EMPTY, firstValueFrom, of, Subject, throwError, type Observable } from 'rxjs';
import { publisherOf, useNest } from './support/nest-harness.js';
import { Inbox } from '../support/inbox.js';

const nest = useNest();

@Injectable()
class Nobody implements CanActivate {
  canActivate(): boolean {
    return false;
  }
}

/** Starts an application with the handler `answer`; all requests go to one queue. */
async function start(answer: (payload: unknown) => unknown, options: Parameters<typeof AmqpRpc>[1] = {}) {
  const queue = nest.name('rpc');
  const handled = new Inbox<unknown>();

  @Injectable()
  class Prices {
    @AmqpRpc(queue, options)
    price(@Payload() payload: unknown): unknown {
      handled.add(payload);
      return answer(payload);
    }
  }

  const topology = { queues: [classicQueue(queue), classicQueue(`${queue}.parked`)] };
  const app = await nest.start({ providers: [Prices] }, { topology });
  const publisher = publisherOf(app);
  const ask = (payload: unknown): Promise<unknown> => publisher.request('', queue, payload, { timeout: 5_000 });
  const failures = new Inbox<ConsumerFailure>();
  app.get(AmqpConsumerRegistry).failures$.subscribe(failures.add);
  return { queue, app, publisher, ask, handled, failures };
}

describe('@AmqpRpc()', () => {
  it.each<[string, (payload: unknown) => unknown, unknown]>([
    ['a value', (payload) => ({ asked: payload }), { asked: 'how much' }],
    ['a Promise', async () => Promise.resolve([1]), [1]],
    ['the last value of an Observable', () => of(1, 2, 3), 3],
    ['nothing', () => undefined, undefined],
    ['null', () => null, null],
    ['an empty Observable', () => EMPTY, undefined],
  ])('answers with %s', async (_, answer, expected) => {
    const { ask, queue, app } = await start(answer);
    await expect(ask('how much')).resolves.toEqual(expected);
    await nest.close(app);
    expect(await nest.ready(queue)).toBe(0);
  });

  it.each([Infinity, '60d', 1e300, '20s', 5_000] as const)(
    'K3.1 answers a request with a timeout of %p',
    async (timeout) => {
      const { publisher, queue } = await start((payload) => payload);
      await expect(publisher.request('', queue, 'how much', { timeout })).resolves.toBe('how much');
    },
  );

  it('N4.2 answers each of many requests at once, without a warning', async () => {
    const { ask, app } = await start((id) => Number(id) * 2);
    const ids = Array.from({ length: 100 }, (_, id) => id);
    for (let round = 0; round < 100; round++) expect(await Promise.all(ids.map(ask))).toEqual(ids.map((id) => id * 2));
    await nest.close(app);
    expect(nest.lines.with('WARN')).toEqual([]);
    expect(nest.lines.with('ERROR')).toEqual([]);
  });

  it.each<[string, () => unknown, string, string | undefined]>([
    [
      'throws',
      () => {
        throw new TypeError('no such item');
      },
      'TypeError',
      undefined,
    ],
    ['rejects', () => Promise.reject(new NotFoundException('nothing here')), 'NotFoundException', 'nothing here'],
    [
      'fails as an Observable',
      (): Observable<never> => throwError(() => new RangeError('too far')),
      'RangeError',
      undefined,
    ],
    ['returns what cannot be sent', () => 1n, 'SerializationError', undefined],
  ])(
    'answers once with the error when the handler %s, and acknowledges the request',
    async (_, answer, name, message) => {
      const { ask, queue, app, handled, failures } = await start(answer);
      const asking = ask('how much');
      await expect(asking).rejects.toThrow(RpcRemoteError);
      const error = await asking.catch((caught: unknown) => caught as RpcRemoteError);
      const failure = await failures.next();
      expect(failure).toMatchObject({ queue, attempt: 1, decision: 'answer', cause: { name } });
      if (message === undefined) {
        expect(error).toMatchObject({
          remoteName: 'Error',
          message: `internal error ${failure.errorId}`,
          data: undefined,
        });
        expect(error).toMatchObject({ errorId: expect.stringMatching(/^[0-9a-f-]{36}$/) });
        expect(nest.lines.with(`told as internal error ${failure.errorId}`)).toHaveLength(1);
      } else {
        expect(error).toMatchObject({ remoteName: name, message, data: { message }, statusCode: 404 });
        expect(failure.errorId).toBeUndefined();
      }
      expect(nest.lines.with('answered with the error')).toHaveLength(1);
      await nest.close(app);
      expect(handled.all).toHaveLength(1);
      expect(await nest.ready(queue)).toBe(0);
      expect(await nest.ready(`${queue}.parked`)).toBe(0);
    },
  );

  it('answers with the error of a guard or a pipe', async () => {
    const queue = nest.name('rpc');

    @Injectable()
    class Prices {
      @AmqpRpc(queue)
      piped(@Payload('id', ParseIntPipe) id: number): number {
        return id;
      }
    }

    @Injectable()
    class Guarded {
      @AmqpRpc(`${queue}.parked`)
      @UseGuards(Nobody)
      guarded(): number {
        return 1;
      }
    }

    const topology = { queues: [classicQueue(queue), classicQueue(`${queue}.parked`)] };
    const publisher = publisherOf(await nest.start({ providers: [Prices, Guarded] }, { topology }));
    await expect(publisher.request('', queue, { id: 'x' })).rejects.toMatchObject({
      remoteName: 'BadRequestException',
    });
    await expect(publisher.request('', `${queue}.parked`, {})).rejects.toMatchObject({
      remoteName: 'ForbiddenException',
    });
  });

  it('tells what the handler or else the module chooses', async () => {
    const [told, hidden, mapped] = [nest.name('told'), nest.name('hidden'), nest.name('mapped')];
    const failing = (): never => {
      throw new RangeError('too far');
    };

    @Injectable()
    class Prices {
      @AmqpRpc(told)
      told(): never {
        return failing();
      }

      @AmqpRpc(hidden, { errors: 'none' })
      hidden(): never {
        throw new NotFoundException('nothing here');
      }

      @AmqpRpc(mapped, {
        errors: (error) => ({
          name: 'Far',
          message: 'choose less',
          data: { max: 7 },
          statusCode: error instanceof RangeError ? 422 : 500,
        }),
      })
      mapped(): never {
        return failing();
      }
    }

    const topology = { queues: [told, hidden, mapped].map((queue) => classicQueue(queue)) };
    const publisher = publisherOf(await nest.start({ providers: [Prices] }, { topology, rpcErrors: 'message' }));
    const errorFrom = (queue: string) => publisher.request('', queue, 1).catch((error: unknown) => error);
    expect(await errorFrom(told)).toMatchObject({ remoteName: 'RangeError', message: 'too far' });
    expect(await errorFrom(hidden)).toMatchObject({
      remoteName: 'Error',
      message: expect.stringMatching(/^internal error/),
      data: undefined,
      statusCode: undefined,
    });
    expect(await errorFrom(mapped)).toMatchObject({
      remoteName: 'Far',
      message: 'choose less',
      data: { max: 7 },
      statusCode: 422,
    });
  });

  it('tells what each of several handlers of one queue chooses', async () => {
    const queue = nest.name('rpc');

    @Injectable()
    class Prices {
      @AmqpRpc(queue, { type: 'net', errors: 'message' })
      net(): never {
        throw new RangeError('too far');
      }

      @AmqpRpc(queue, { type: 'gross' })
      gross(): never {
        throw new RangeError('too far');
      }
    }

    const topology = { queues: [classicQueue(queue)] };
    const publisher = publisherOf(await nest.start({ providers: [Prices] }, { topology }));
    const asking = (type: string) => publisher.request('', queue, 1, { type });
    await expect(asking('net')).rejects.toMatchObject({ message: 'too far' });
    await expect(asking('gross')).rejects.toMatchObject({ message: expect.stringContaining('internal error') });
  });

  it.each(['all', 7, null])('refuses %p for `errors` at the start', async (errors) => {
    const wrong = { errors } as unknown as RpcOptions;
    await expect(start(() => 1, wrong)).rejects.toThrow(
      /Prices\.price: errors must be 'exceptions', 'message', 'none' or a/,
    );
    const options = { rpcErrors: errors } as unknown as Partial<AmqpModuleOptions>;
    await expect(nest.start({}, options)).rejects.toThrow(/AmqpModule\.forRoot\(\): rpcErrors must be/);
  });

  it('answers an undecodable request with an error', async () => {
    const { publisher, queue, handled } = await start(() => 1);
    const asking = publisher.request('', queue, Buffer.from('{'), { contentType: 'application/json' });
    await expect(asking).rejects.toMatchObject({ remoteName: 'UndecodableMessageError' });
    expect(handled.all).toEqual([]);
  });

  it('answers later when the handler asks for a retry', async () => {
    let attempts = 0;
    const { ask } = await start(
      () => {
        if (++attempts < 2) throw new RetryMessage('50ms');
        return attempts;
      },
      { retry: { delays: ['50ms'], attempts: 1 } },
    );
    await expect(ask('x')).resolves.toBe(2);
  });

  it('answers and rejects on RejectMessage', async () => {
    const { ask, failures } = await start(() => {
      throw new RejectMessage('not that');
    });
    await expect(ask('x')).rejects.toMatchObject({
      remoteName: 'Error',
      message: expect.stringContaining('internal error'),
    });
    expect(await failures.next()).toMatchObject({ decision: 'dead-letter', errorId: expect.any(String) });
  });

  it('handles a request without reply-to like any message: acknowledges it, or applies its retry policy', async () => {
    const { publisher, queue, failures, handled } = await start(
      (payload) => {
        if (payload === 'bad') throw new Error('no');
      },
      { retry: false },
    );
    await publisher.sendToQueue(queue, 'good');
    await publisher.sendToQueue(queue, 'bad');
    expect(await handled.take(2)).toEqual(['good', 'bad']);
    expect(await failures.next()).toMatchObject({ decision: 'park' });
  });

  it('logs a reply without a requester, and acknowledges the request', async () => {
    const gate = new Subject<void>();
    const { app, queue, handled } = await start(() => firstValueFrom(gate));
    const gone = await nest.channel.queueDeclare('', { exclusive: true });
    await nest.channel.publish('', queue, '1', {
      contentType: 'application/json',
      replyTo: gone.queue,
      messageId: 'm-1',
    });
    await handled.next();
    await nest.channel.queueDelete(gone.queue);
    gate.next();
    gate.complete();
    expect(await nest.lines.until('Nobody waits')).toBe(
      `WARN Nobody waits for the reply to message 'm-1' of queue '${queue}', answered by Prices.price`,
    );
    await nest.close(app);
    expect(await nest.ready(queue)).toBe(0);
  });

  it('works with a separate queue of correlated replies', async () => {
    const { queue } = await start((payload) => payload);
    const { queue: replies } = await nest.channel.queueDeclare('', { exclusive: true });
    const arrived = new Inbox<unknown>();
    await nest.channel.basicConsume(
      replies,
      (delivery) => arrived.add([delivery.properties.correlationId, delivery.json()]),
      { noAck: true },
    );
    const request = { contentType: 'application/json', replyTo: replies };
    await nest.channel.publish('', queue, '[7]', { ...request, correlationId: 'c-7' });
    expect(await arrived.next()).toEqual(['c-7', [7]]);
    await nest.channel.queueDelete(replies);
  });
});
