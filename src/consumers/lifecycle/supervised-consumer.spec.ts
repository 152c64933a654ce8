import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import {
  ConnectionLostError,
  NotFoundError,
  PreconditionFailedError,
  type Channel,
  type Connection,
} from '../../../lib/client/index.js';
import { systemClock, type Random } from '../../../lib/environment/index.js';
import type { ConsumeArguments } from './consume-arguments.js';
import { ConsumerStartError } from '../consumer.errors.js';
import type { DeliverySink } from '../sinks/delivery.sink.js';
import { SupervisedConsumer, type SupervisionHost } from './supervised-consumer.js';

describe('SupervisedConsumer', () => {
  /** The steps of the consumer, in order. */
  let log: string[];
  let handlersEnd: Promise<void>;
  let finishHandlers: () => void;
  /** The errors of the next calls of basicConsume, in order; a call without one succeeds. */
  let refusals: Error[];
  let created: SupervisedConsumer[];

  const never = new Promise<undefined>(() => {});
  const channel = {
    on: () => {},
    closed: never,
    basicConsume: (queue: string) => {
      const refusal = refusals.shift();
      log.push(`consume ${queue}${refusal ? ': refused' : ''}`);
      return refusal ? Promise.reject(refusal) : Promise.resolve({ active: true, closed: never });
    },
    close: () => Promise.resolve(),
  } as unknown as Channel;

  const create = (host: Partial<SupervisionHost> = {}): SupervisedConsumer => {
    const sink = {
      settler: { held: [] },
      flush: () => log.push('flush'),
      idle: () => handlersEnd,
      cutOff: () => Promise.resolve(),
      abandon: () => log.push('abandon'),
    } as unknown as DeliverySink;
    const whole: SupervisionHost = {
      name: 'Billing.onOrder',
      queue: 'billing',
      environment: { clock: systemClock, random: { next: () => 0.5 } as Random },
      gracePeriod: 60_000,
      connect: () => Promise.resolve({ openChannel: () => Promise.resolve(channel) } as unknown as Connection),
      prepare: () => Promise.resolve(),
      queueName: () => 'billing',
      restoreQueue: () => Promise.resolve(void log.push('restore the queue')),
      isFinal: () => false,
      ...host,
    };
    const consumer = new SupervisedConsumer(whole, { prefetch: 10, concurrency: Infinity } as ConsumeArguments, sink);
    created.push(consumer);
    return consumer;
  };

  beforeEach(() => {
    [log, refusals, created] = [[], [], []];
    handlersEnd = new Promise((resolve) => (finishHandlers = resolve));
    jest.spyOn(Logger.prototype, 'log').mockImplementation(() => {});
  });
  afterEach(async () => {
    finishHandlers();
    await Promise.all(created.map((consumer) => consumer.stop()));
    jest.restoreAllMocks();
  });

  it('stops once: a second stop() waits for the first one, too', async () => {
    const consumer = create();
    const first = consumer.stop().then(() => log.push('first'));
    const second = consumer.stop().then(() => log.push('second'));
    await new Promise((resolve) => setImmediate(resolve));
    expect(log).toEqual(['flush']);
    finishHandlers();
    await Promise.all([first, second]);
    // The second flush gives back the messages that failed while the handlers ended.
    expect(log).toEqual(['flush', 'flush', 'abandon', 'first', 'second']);
  });

  it('N3.6 stops all the same when the connection is lost under its cancel', async () => {
    const lost = new ConnectionLostError('read ECONNRESET', 'unknown');
    const cancelled: string[] = [];
    const failing = {
      ...channel,
      basicConsume: () =>
        Promise.resolve({
          active: true,
          closed: never,
          cancel: () => {
            cancelled.push('cancel');
            return Promise.reject(lost);
          },
        }),
    } as unknown as Channel;
    const connection = { openChannel: () => Promise.resolve(failing) } as unknown as Connection;
    const consumer = create({ connect: () => Promise.resolve(connection) });
    await consumer.start();
    const given = consumer.giveUp(new Error('no'));
    await new Promise((resolve) => setImmediate(resolve));
    finishHandlers();
    await expect(given).resolves.toBeUndefined();
    expect(cancelled).toEqual(['cancel']);
    expect(log).toEqual(['flush', 'flush', 'abandon']);
  });

  it('is registered anew with another prefetch, and with the earlier one if the broker refuses it', async () => {
    jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => {});
    const asked: unknown[] = [];
    let refusal: Error | undefined;
    const noting = {
      ...channel,
      basicConsume: (_: string, __: unknown, { prefetch }: ConsumeArguments) => {
        asked.push(prefetch);
        const error = refusal;
        refusal = undefined;
        return error ? Promise.reject(error) : Promise.resolve({ active: true, closed: never, cancel: async () => {} });
      },
    } as unknown as Channel;
    let consuming: () => void = () => {};
    const consumer = create({
      connect: () => Promise.resolve({ openChannel: () => Promise.resolve(noting) } as unknown as Connection),
      onConsuming: () => consuming(),
    });
    await consumer.start();
    await consumer.adjust({ concurrency: 2 });
    await consumer.adjust({ prefetch: 50 });
    refusal = new PreconditionFailedError('406 PRECONDITION_FAILED');
    const restored = new Promise<void>((resolve) => (consuming = resolve));
    await expect(consumer.adjust({ prefetch: 0 })).rejects.toBeInstanceOf(ConsumerStartError);
    await restored;
    expect(asked).toEqual([10, 50, 0, 50]);
  });

  it('restores a queue that was deleted between its declaration and the start', async () => {
    refusals = [new NotFoundError("404 NOT_FOUND - no queue 'billing'")];
    await create().start();
    expect(log).toEqual(['consume billing: refused', 'restore the queue', 'consume billing']);
  });

  it('tells what a start comes to whose queue cannot be restored', async () => {
    const missing = new NotFoundError("404 NOT_FOUND - no queue 'billing'");
    refusals = [missing];
    const consumer = create({ restoreQueue: () => Promise.reject(missing) });
    await expect(consumer.start()).rejects.toMatchObject({ cause: missing });
    expect(log).toEqual(['consume billing: refused']);
  });

  it('consumes nothing on a channel that opens after the stop', async () => {
    let open!: (opened: Channel) => void;
    const opening = new Promise<Channel>((resolve) => (open = resolve));
    const connection = { openChannel: () => opening } as unknown as Connection;
    const consumer = create({ gracePeriod: 1, connect: () => Promise.resolve(connection) });
    jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => {});
    const started = consumer.start();
    await new Promise((resolve) => setImmediate(resolve));
    await consumer.stop();
    open(channel);
    await started;
    expect(log.filter((line) => line.startsWith('consume'))).toEqual([]);
  });
});
