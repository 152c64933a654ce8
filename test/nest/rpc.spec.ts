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
  type ConsumerFailure,
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

  it.each<[string, () => unknown, string, string]>([
    [
      'throws',
      () => {
        throw new TypeError('no such item');
      },
      'TypeError',
      'no such item',
    ],
    ['rejects', () => Promise.reject(new NotFoundException('nothing here')), 'NotFoundException', 'nothing here'],
    [
      'fails as an Observable',
      (): Observable<never> => throwError(() => new RangeError('too far')),
      'RangeError',
      'too far',
    ],
    ['returns what cannot be sent', () => 1n, 'SerializationError', 'BigInt'],
  ])(
    'answers once with the error when the handler %s, and acknowledges the request',
    async (_, answer, name, message) => {
      const { ask, queue, app, handled, failures } = await start(answer);
      const asking = ask('how much');
      await expect(asking).rejects.toThrow(RpcRemoteError);
      await expect(asking).rejects.toMatchObject({ remoteName: name, message: expect.stringContaining(message) });
      expect(await failures.next()).toMatchObject({ queue, attempt: 1, decision: 'answer', cause: { name } });
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
    await expect(ask('x')).rejects.toMatchObject({ remoteName: 'RejectMessage', message: 'not that' });
    expect(await failures.next()).toMatchObject({ decision: 'dead-letter' });
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
