import { Buffer } from 'node:buffer';
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { MethodArguments, MethodName } from '../../protocol/types.js';
import { Content } from '../../protocol/content.js';
import { ConsumerSet } from './consumer-set.js';
import type { ConsumingChannel, ConsumingConnection } from './consumer-set-host.js';
import { Consumer, type ConsumeOptions } from './consumer.js';
import { Delivery } from './delivery.js';
import {
  AccessRefusedError,
  ConnectionLostError,
  ConsumerCancelledError,
  NotFoundError,
  PreconditionFailedError,
  ResourceLockedError,
  TimeoutError,
} from '../errors.js';
import { Settlements } from './settlements.js';

/** A call that the broker has not answered yet. */
interface Asked {
  readonly name: MethodName;
  readonly args: Record<string, unknown>;
  /** As the broker's answer: what is to happen in that moment happens. */
  answer(args?: object): void;
  /** The caller stops waiting; the answer may still come. */
  leave(error: unknown): void;
}

const REFUSED = { method: 'basic.consume' } as const;
const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('ConsumerSet', () => {
  let set: ConsumerSet;
  let asked: Asked[];
  let told: string[];
  let settled: string[];
  let restoring: Promise<number>;
  /** Clock time, ms. */
  let now: number;
  let declared: boolean;

  const settlements = (): Settlements =>
    new Settlements({
      ack: (tag) => void settled.push(`ack ${tag}`),
      nack: (tag, _, requeue) => void settled.push(`nack ${tag} ${requeue}`),
      atFlush: (flush) => flush(),
      logger: { warn: () => {} },
    });
  let outstanding: Settlements;
  const deliver = (consumer: Consumer, deliveryTag: number, noAck = false): void => {
    const info = { consumerTag: consumer.consumerTag, deliveryTag, redelivered: false, exchange: '', routingKey: 'q' };
    outstanding.delivered(deliveryTag, noAck);
    consumer.deliver(new Delivery(info, new Content(Buffer.alloc(2), 2, Buffer.alloc(10)), noAck, outstanding));
  };

  beforeEach(() => {
    [asked, told, settled] = [[], [], []];
    [restoring, declared, now] = [Promise.resolve(0), true, 0];
    outstanding = settlements();
    const call = (
      name: MethodName,
      args: MethodArguments<MethodName>,
      _?: object,
      onReply?: (reply: unknown) => unknown,
    ) =>
      new Promise((resolve, reject) => {
        const answer = (reply: object = {}): void => {
          const whole = { name, args: { consumerTag: `tag${asked.length}`, ...args, ...reply } };
          resolve(onReply ? onReply(whole) : whole);
        };
        asked.push({ name, args: args as Record<string, unknown>, answer, leave: reject });
      });
    const channel: ConsumingChannel = {
      id: 1,
      rpc: { call: call as never, unanswered: () => [] },
      topology: {
        resolve: (queue) => `now ${queue}`,
        hasQueue: () => declared,
        deletionOf: () => undefined,
        consumerStarted: (queue) => void told.push(`started ${queue}`),
        consumerEnded: (queue) => void told.push(`ended ${queue}`),
      },
      prefetches: { ofConsumers: 7, ofNewConsumers: 7 },
      heartbeat: 0,
      report: (event, ...[about]) =>
        void told.push(`${event} ${about instanceof Consumer ? about.queue : String(about)}`),
      endsWithChannel: ({ queue }) => void told.push(`ends with its channel ${queue}`),
    };
    const connection: ConsumingConnection = {
      options: {
        clock: { now: () => now, wallTime: () => now, after: () => () => {}, afterPendingEvents: (run) => run() },
        random: { next: () => 0.5, bytes: (size) => Buffer.alloc(size) },
        logger: { warn: () => {} },
      },
      blocked: undefined,
      restoreQueue: () => restoring,
    };
    set = new ConsumerSet(channel, connection);
  });

  const add = async (
    queue = 'q',
    options: ConsumeOptions = {},
    handler: (delivery: Delivery) => unknown = () => {},
  ): Promise<Consumer> => {
    const adding = set.add(queue, handler, options);
    for (const each of asked.splice(0)) each.answer({ consumerTag: options.consumerTag ?? `tag of ${queue}` });
    return adding;
  };

  it('asks for the queue by its present name, and sets a prefetch of its own for this consumer only', async () => {
    void set.add('q', () => {}, { prefetch: 3, exclusive: true });
    expect(asked.map(({ name, args }) => [name, args['prefetchCount'] ?? args['queue']])).toEqual([
      ['basic.qos', 3],
      ['basic.consume', 'now q'],
      ['basic.qos', 7],
    ]);
    asked.splice(0).forEach(({ answer }) => answer());
    await add('other');
    expect(told).toEqual(['started q', 'started other']);
  });

  it('forgets a consumer that was cancelled: no loss of the channel brings it back', async () => {
    const consumer = await add();
    const cancelled = consumer.cancel();
    asked.splice(0)[0]!.answer();
    await cancelled;
    expect(set.list()).toEqual([]);
    expect(set.get(consumer.consumerTag)).toBeUndefined();
    expect(told).toEqual(['started q', 'ended q']);
    set.suspend('connection');
    await set.resume();
    expect(asked).toEqual([]);
    await expect(consumer.closed).resolves.toBeUndefined();
  });

  it('forgets one that was asked to end when its channel is lost before the broker has agreed', async () => {
    const consumer = await add();
    const cancelled = consumer.cancel();
    set.suspend('connection');
    asked.splice(0)[0]!.leave(new ConnectionLostError('lost', 'unknown'));
    await cancelled;
    await set.resume();
    expect([asked, set.list()]).toEqual([[], []]);
  });

  it('holds what comes while it is cancelled, requeues it with the answer, and handles it when there is none in time', async () => {
    const handled: number[] = [];
    const consumer = await add('q', {}, ({ deliveryTag }) => handled.push(deliveryTag));
    const late = consumer.cancel({ timeout: 5 });
    deliver(consumer, 1);
    expect(handled).toEqual([]);
    asked[0]!.leave(new TimeoutError('late'));
    await expect(late).rejects.toThrow('late');
    expect(handled).toEqual([1]);
    const again = consumer.cancel();
    deliver(consumer, 2);
    asked.pop()!.answer();
    await again;
    expect([handled, settled]).toEqual([[1], ['nack 2 true']]);
  });

  it('cancels one whose caller has stopped waiting, once the broker has it, and gives back what comes meanwhile', async () => {
    const handled: number[] = [];
    const adding = set.add('q', ({ deliveryTag }) => handled.push(deliveryTag), {});
    asked[0]!.leave(new TimeoutError('late'));
    await expect(adding).rejects.toThrow('late');
    asked.shift()!.answer({ consumerTag: 'unwanted' });
    expect(asked.map(({ name, args }) => [name, args['consumerTag']])).toEqual([['basic.cancel', 'unwanted']]);
    deliver(set.get('unwanted')!, 1);
    asked.shift()!.answer();
    expect([handled, settled, set.get('unwanted')]).toEqual([[], ['nack 1 true'], undefined]);
  });

  it('drops what waited when the channel is lost, and handles on what needs no acknowledgement', async () => {
    const handled: string[] = [];
    let done = (): void => {};
    const wait = (name: string) => ({ deliveryTag }: Delivery): unknown => {
      handled.push(`${name} ${deliveryTag}`);
      return new Promise<void>((resolve) => (done = resolve));
    }; // prettier-ignore
    const acked = await add('q', { concurrency: 1 }, wait('acked'));
    deliver(acked, 1);
    deliver(acked, 2);
    set.suspend('connection');
    done();
    await tick();
    expect(handled).toEqual(['acked 1']);
    outstanding = settlements();
    const automatic = await add('other', { concurrency: 1, noAck: true }, wait('automatic'));
    deliver(automatic, 1, true);
    deliver(automatic, 2, true);
    set.suspend('connection');
    done();
    await tick();
    expect(handled).toEqual(['acked 1', 'automatic 1', 'automatic 2']);
  });

  it('registers each consumer once, though the broker has cancelled it and its channel is lost at the same time', async () => {
    const consumer = await add('q', { consumerTag: 'mine' });
    set.onCancelled('mine');
    await tick();
    // It is on its way back by itself when the channel comes back.
    expect(asked.map(({ name }) => name)).toEqual(['basic.consume']);
    await set.resume();
    expect(asked).toHaveLength(1);
    asked.splice(0)[0]!.answer({ consumerTag: 'mine' });
    await tick();
    await set.resume();
    expect([asked, consumer.active]).toEqual([[], true]);
  });

  it.each([
    ['locked, for as long as that lasts', new ResourceLockedError('locked', REFUSED), {}, true, [true, true]],
    [
      'in exclusive use, by ours of before most likely',
      new AccessRefusedError('in use', REFUSED),
      { exclusive: true },
      true,
      [true, false],
    ],
    ['in exclusive use by another', new AccessRefusedError('in use', REFUSED), {}, true, [false]],
    ['not there, though it was declared here', new NotFoundError('none', REFUSED), {}, true, [true, false]],
    ['not there, and nobody here has declared it', new NotFoundError('none', REFUSED), {}, false, [false]],
    ['refused for what it asks', new PreconditionFailedError('x-priority', REFUSED), {}, true, [false]],
  ] as const)(
    'has a consumer wait or ends it: %s',
    async (_, error, options, declaredHere, [atFirst, afterAMinute]) => {
      declared = declaredHere;
      const consumer = await add('q', options);
      set.suspend('channel');
      const resumed = set.resume();
      asked.splice(0)[0]!.leave(error);
      await expect(resumed).rejects.toBe(error);
      expect(set.list().includes(consumer)).toBe(atFirst);
      expect(told.includes('consumerWaiting q')).toBe(atFirst);
      set.suspend('channel');
      now += 61_000;
      restoring = Promise.reject(error);
      restoring.catch(() => {});
      // The channel comes back without it.
      await set.resume();
      await tick();
      expect([asked, set.list().includes(consumer)]).toEqual([[], afterAMinute ?? atFirst]);
      if (set.list().length === 0) await expect(consumer.closed).resolves.toBeInstanceOf(ConsumerCancelledError);
      set.finish(undefined);
    },
  );

  it('has one that waits come back beside its channel, and tells so', async () => {
    const consumer = await add();
    set.suspend('channel');
    const resumed = set.resume();
    asked.splice(0)[0]!.leave(new ResourceLockedError('locked', REFUSED));
    await expect(resumed).rejects.toThrow('locked');
    set.suspend('channel');
    now += 50;
    await set.resume();
    await tick();
    asked.splice(0)[0]!.answer({ consumerTag: 'again' });
    expect([consumer.active, told]).toEqual([
      true,
      ['started q', 'consumerWaiting q', 'started q', 'consumerRestored q'],
    ]);
  });

  /** One that waits is tried again, and takes its channel along when it is refused once more. */
  const refusedAgain = async (error: AccessRefusedError | ResourceLockedError): Promise<Consumer> => {
    const consumer = await add();
    set.suspend('channel');
    const resumed = set.resume();
    asked.splice(0)[0]!.leave(new NotFoundError('none', REFUSED));
    await expect(resumed).rejects.toThrow('none');
    set.suspend('channel');
    now += 50;
    await set.resume();
    await tick();
    const [consume] = asked.splice(0);
    set.suspend('channel');
    consume!.leave(error);
    await tick();
    return consumer;
  };

  it('ends one that comes back beside its channel and that the broker refuses for good', async () => {
    const consumer = await refusedAgain(new AccessRefusedError('in exclusive use', REFUSED));
    expect([consumer.ended, set.list()]).toEqual([true, []]);
    await set.resume();
    expect(asked).toEqual([]);
  });

  it('has one that is refused again wait longer, though its channel opens anew at once', async () => {
    const consumer = await refusedAgain(new ResourceLockedError('locked', REFUSED));
    await set.resume();
    await tick();
    expect([consumer.ended, asked]).toEqual([false, []]);
    set.suspend('channel');
    now += 100;
    await set.resume();
    await tick();
    expect(asked.map(({ name }) => name)).toEqual(['basic.consume']);
  });

  it('brings back or ends one that the broker cancels right behind consume-ok', async () => {
    const adding = set.add('q', () => {}, {});
    asked.splice(0)[0]!.answer({ consumerTag: 'brief' });
    set.onCancelled('brief');
    await adding;
    await tick();
    expect(asked.map(({ name }) => name)).toEqual(['basic.consume']);
  });

  it('tells the bytes of what waits, and of nothing that is handled', async () => {
    let done = (): void => {};
    const consumer = await add('q', { concurrency: 1 }, () => new Promise<void>((resolve) => (done = resolve)));
    deliver(consumer, 1);
    expect(set.heldBytes).toBe(0);
    deliver(consumer, 2);
    expect(set.heldBytes).toBeGreaterThan(10);
    done();
    await tick();
    expect(set.heldBytes).toBe(0);
  });
});
