import { IsInt } from 'class-validator';
import {
  Inject,
  Injectable,
  Scope,
  UseInterceptors,
  ValidationPipe,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { describe, expect, it } from '@jest/globals';
import {
  AmqpBatchConsumer,
  AmqpBatchContext,
  AmqpConsumerRegistry,
  AmqpModule,
  classicQueue,
  InvalidConsumerError,
  type AmqpBatchItem,
  type BatchOptions,
  type ConsumerFailure,
} from 'nest-amqp';
import { ConfigurationError } from 'nest-amqp/client';
import { firstValueFrom, Subject, type Observable } from 'rxjs';
import { publisherOf, useNest } from './support/nest-harness.js';
import { Inbox } from '../support/inbox.js';

const nest = useNest();

class Reading {
  @IsInt()
  value!: number;
}

const payloads = (items: readonly AmqpBatchItem[]): unknown[] => items.map(({ payload }) => payload);

/** Starts an application with one batch consumer; a failed message is parked at once. */
async function start(
  options: BatchOptions,
  handle: (items: AmqpBatchItem[]) => unknown = () => {},
  { url = nest.rabbit.url }: { url?: string } = {},
) {
  const queue = nest.name('batch');
  const parked = `${queue}.parked`;
  const batches = new Inbox<unknown[]>();

  @Injectable()
  class Readings {
    @AmqpBatchConsumer(queue, { retry: false, ...options })
    onReadings(items: AmqpBatchItem[]): unknown {
      batches.add(payloads(items));
      return handle(items);
    }
  }

  const topology = { queues: [classicQueue(queue), classicQueue(parked)] };
  const app = await nest.start({ imports: [AmqpModule.forRoot({ url, topology })], providers: [Readings] });
  const failures = new Inbox<ConsumerFailure>();
  app.get(AmqpConsumerRegistry).failures$.subscribe(failures.add);
  const publisher = publisherOf(app);
  const send = async (...values: unknown[]): Promise<void> => {
    for (const value of values) await publisher.sendToQueue(queue, value);
  };
  return { app, queue, parked, batches, failures, send, status: () => app.get(AmqpConsumerRegistry).list()[0] };
}

describe('@AmqpBatchConsumer()', () => {
  it('delivers full batches, and acknowledges each message when the handler is done', async () => {
    const { app, queue, batches, send } = await start({ size: 3, maxWait: '1h' });
    await send(1, 2, 3, 4, 5, 6);
    expect(await batches.take(2)).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    await nest.close(app);
    expect(await nest.ready(queue)).toBe(0);
  });

  it('waits no longer than its limit for a batch that does not fill', async () => {
    const { batches, send } = await start({ size: 100, maxWait: '50ms' });
    await send(1, 2);
    const handled = [await batches.next()];
    while (handled.flat().length < 2) handled.push(await batches.next());
    expect(handled.flat()).toEqual([1, 2]);
  });

  it('handles one batch at a time while the next fills; more with concurrency', async () => {
    for (const concurrency of [1, 2]) {
      const gate = new Subject<void>();
      const { batches, send, status } = await start({ size: 2, maxWait: '1h', concurrency }, () =>
        firstValueFrom(gate),
      );
      await send(1, 2, 3, 4);
      await batches.take(concurrency);
      while (status()?.inFlight !== 4) await new Promise((resolve) => setImmediate(resolve));
      expect(batches.all).toHaveLength(concurrency);
      gate.next();
      if (concurrency === 1) {
        expect(await batches.take(1)).toEqual([[3, 4]]);
        gate.next();
      }
    }
  });

  it('settles each item: a failed one is parked alone, an acknowledged one stays acknowledged although the batch throws', async () => {
    const { app, queue, parked, failures, send } = await start({ size: 4, maxWait: '1h' }, ([first, second, third]) => {
      first!.ack();
      second!.fail(new RangeError('second'));
      // The message is settled already: the first settlement counts.
      second!.ack();
      third!.ack();
      third!.fail(new Error('too late'));
      throw new Error('the rest');
    });
    await send(1, 2, 3, 4);
    expect(await failures.take(2)).toMatchObject([
      { cause: { message: 'second' }, attempt: 1, decision: 'park' },
      { cause: { message: 'the rest' }, attempt: 1, decision: 'park' },
    ]);
    await nest.close(app);
    expect([await nest.ready(queue), await nest.ready(parked)]).toEqual([0, 2]);
  });

  it('acknowledges the others when the handler fails one and returns', async () => {
    const { app, queue, parked, failures, send, status } = await start({ size: 3, maxWait: '1h' }, ([, second]) =>
      second!.fail(new Error('only this one')),
    );
    await send(1, 2, 3);
    await failures.next();
    await nest.close(app);
    expect(status()).toMatchObject({ handled: 3, failed: 1 });
    expect([await nest.ready(queue), await nest.ready(parked)]).toEqual([0, 1]);
  });

  it('parks an undecodable message alone; the rest of its batch is handled', async () => {
    const { app, queue, parked, batches, failures, send } = await start({ size: 2, maxWait: '1h' });
    await send(1);
    await nest.channel.publish('', queue, '{', { contentType: 'application/json', messageId: 'broken' });
    await send(2);
    expect(await batches.next()).toEqual([1, 2]);
    expect(await failures.next()).toMatchObject({ messageId: 'broken', decision: 'park' });
    await nest.close(app);
    expect([await nest.ready(queue), await nest.ready(parked)]).toEqual([0, 1]);
  });

  it('parks a message that an item pipe refuses alone', async () => {
    const itemPipes = [new ValidationPipe({ expectedType: Reading, transform: true })];
    const { batches, failures, send } = await start({ size: 2, maxWait: '1h', itemPipes });
    await send({ value: 1 }, { value: 'one' }, { value: 2 });
    const [batch] = await batches.take(1);
    expect(batch).toEqual([{ value: 1 }, { value: 2 }]);
    expect(batch![0]).toBeInstanceOf(Reading);
    expect(await failures.next()).toMatchObject({ cause: { name: 'BadRequestException' }, decision: 'park' });
  });

  it('retries an item by itself, by the policy of the consumer', async () => {
    const seen: number[] = [];
    const { batches, send } = await start(
      { size: 2, maxWait: '20ms', retry: { attempts: 2, backoff: () => [50] } },
      (items) => {
        for (const item of items) {
          seen.push(item.context.attempt);
          if (item.payload === 'flaky' && item.context.attempt === 1) item.fail(new Error('once'));
        }
      },
    );
    await send('fine', 'flaky');
    const handled: unknown[] = [];
    while (handled.length < 3) handled.push(...(await batches.next()));
    expect(handled).toEqual(['fine', 'flaky', 'flaky']);
    expect(seen).toEqual([1, 1, 2]);
  });

  it('handles its partial batch when it is stopped or paused', async () => {
    const { app, queue, batches, send, status } = await start({ size: 10, maxWait: '1h' });
    const untilTaken = async (): Promise<void> => {
      while (status()?.inFlight !== 2) await new Promise((resolve) => setImmediate(resolve));
    };
    await send(1, 2);
    await untilTaken();
    await app.get(AmqpConsumerRegistry).pause();
    expect(await batches.next()).toEqual([1, 2]);
    await app.get(AmqpConsumerRegistry).resume();
    await send(3, 4);
    await untilTaken();
    await nest.close(app);
    expect(batches.all.at(-1)).toEqual([3, 4]);
    expect(await nest.ready(queue)).toBe(0);
  });

  it('discards its partial batch when the connection is lost: the messages are redelivered once', async () => {
    const { proxy, url } = await nest.proxy();
    const { batches, send, queue, status } = await start({ size: 3, maxWait: '1h' }, undefined, { url });
    await send(1, 2);
    while (status()?.inFlight !== 2) await new Promise((resolve) => setImmediate(resolve));
    proxy.cut();
    await nest.lines.until('(consuming): reconnected');
    await nest.channel.publish('', queue, '3', { contentType: 'application/json' });
    expect((await batches.next()).toSorted()).toEqual([1, 2, 3]);
  });

  it('passes interceptors as a whole; REQUEST and context are those of the batch', async () => {
    const queue = nest.name('batch');
    const seen = new Inbox<unknown>();

    @Injectable()
    class Trace implements NestInterceptor {
      intercept(execution: ExecutionContext, next: CallHandler): Observable<unknown> {
        seen.add(execution.switchToRpc().getContext());
        return next.handle();
      }
    }

    @Injectable({ scope: Scope.REQUEST })
    class Readings {
      constructor(@Inject(REQUEST) private readonly request: unknown) {}

      @AmqpBatchConsumer(queue, { size: 2, maxWait: '1h' })
      @UseInterceptors(Trace)
      onReadings(items: AmqpBatchItem[], context: AmqpBatchContext): void {
        seen.add([this.request, context, items.length]);
      }
    }

    const app = await nest.start({ providers: [Readings] }, { topology: { queues: [classicQueue(queue)] } });
    await publisherOf(app).sendToQueue(queue, 1);
    await publisherOf(app).sendToQueue(queue, 2);
    const context = (await seen.next()) as AmqpBatchContext;
    expect(context).toBeInstanceOf(AmqpBatchContext);
    expect(context.queue).toBe(queue);
    const [request, given, length] = (await seen.next()) as unknown[];
    expect([request === context, given === context, length]).toEqual([true, true, 2]);
  });

  it.each([
    [{ size: 10, prefetch: 9 }, InvalidConsumerError, 'a batch of 10 never fills with a prefetch of 9'],
    [{ size: 0 }, ConfigurationError, 'size must be a whole number from 1; it is the number 0'],
    [{ size: Infinity }, ConfigurationError, 'size must be a whole number from 1; it is the number Infinity'],
    [{ size: 1, concurrency: 0.5 }, ConfigurationError, 'concurrency must be a whole number from 1, or Infinity'],
    [{ size: 1, prefetch: NaN }, ConfigurationError, 'prefetch must be a whole number from 0 to 65535, or Infinity'],
    [{ size: 1, maxWait: 'soon' as never }, ConfigurationError, 'maxWait must be milliseconds from 0'],
  ])('K6 6.4 refuses %p', async (options, kind, message) => {
    const starting = start(options);
    await expect(starting).rejects.toThrow(kind);
    await expect(starting).rejects.toThrow(`Readings.onReadings: ${message}`);
  });
});
