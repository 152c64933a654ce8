import { Buffer } from 'node:buffer';
import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { systemEnvironment } from '../common/environment.js';
import { ConnectionLostError, type Delivery } from '../../lib/client/index.js';
import type { ConsumerFailure } from './consumer-failure.js';
import type { Detour } from './detour.js';
import { DONE } from './outcome.js';
import { RetryPolicy, type RetryPlace } from './retry/retry-policy.js';
import type { RetryOptions } from './retry/retry-options.js';
import { CannotRetryError } from './retry/retry.errors.js';
import type { RetryState } from './retry/retry-state.js';
import { RejectMessage, RequeueMessage } from './settlement.errors.js';
import { Settler, type SettledConsumer } from './settler.js';

/** A delivery that notes how it was settled. */
class FakeDelivery {
  /** Its channel is gone. */
  stale = false;
  readonly settlements: string[] = [];
  readonly exchange = 'orders';
  readonly routingKey = 'order.created';
  readonly properties = { messageId: 'm-1' };
  readonly body = Buffer.from('body');

  constructor(
    readonly deliveryTag: number,
    readonly redelivered = false,
  ) {}

  get settled(): boolean {
    return this.settlements.length > 0;
  }

  ack(): void {
    this.settlements.push('ack');
  }

  nack({ requeue }: { requeue: boolean }): void {
    this.settlements.push(requeue ? 'requeue' : 'drop');
  }

  reject({ requeue }: { requeue: boolean }): void {
    this.settlements.push(requeue ? 'requeue' : 'reject');
  }
}

const ERROR = new Error('failed');
const LOST = new ConnectionLostError('lost', 'unknown');
const failure = (error: unknown = ERROR) => ({ ok: false, error, refused: false }) as const;

describe('Settler', () => {
  let told: ConsumerFailure[];
  let aside: string[];
  let again: number[];
  /** The results of the next departures, in order; undefined for success. */
  let outcomes: (Error | undefined)[];
  let there: boolean;
  let stopped: unknown[];
  let count: number;

  const delivery = (redelivered = false): FakeDelivery => new FakeDelivery(++count, redelivered);
  const settlerOf = (
    place: RetryPlace = 'broker',
    options: RetryOptions = {},
    ack: 'auto' | 'manual' = 'auto',
  ): Settler => {
    const consumer: SettledConsumer = {
      name: 'Billing.onOrder',
      queue: 'billing',
      ack,
      timeout: undefined,
      redeliver: ({ deliveryTag }) => {
        if (there) again.push(deliveryTag);
        return there;
      },
      stop: (cause) => void stopped.push(cause),
      onHeldChange: () => {},
    };
    const put = (what: string) => async ({ deliveryTag }: Delivery, { failed }: RetryState): Promise<void> => {
      const outcome = outcomes.shift();
      if (outcome) throw outcome;
      aside.push(`${what} ${deliveryTag}, failed ${failed}`);
    }; // prettier-ignore
    const detour: Detour = {
      prepare: async () => ({ user: 'guest', deliveryLimit: Infinity }),
      retry: put('retry'),
      park: put('park'),
      close: async () => {},
    };
    const policy = new RetryPolicy('Billing.onOrder', { attempts: 2, backoff: () => [50], ...options }, place);
    return new Settler(consumer, policy, detour, (each) => told.push(each), systemEnvironment);
  };
  const settle = (settler: Settler, given: FakeDelivery, error: unknown = ERROR): Promise<void> =>
    settler.settle(given as unknown as Delivery, failure(error));

  beforeEach(() => {
    jest.useFakeTimers();
    jest.spyOn(Logger.prototype, 'error').mockImplementation(() => {});
    jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => {});
    [told, aside, again, outcomes, there, stopped, count] = [[], [], [], [], true, [], 0];
  });
  afterEach(() => {
    jest.restoreAllMocks();
    jest.useRealTimers();
  });

  it('acknowledges what was handled, once, and leaves it to the handler where that settles by hand', async () => {
    const [one, own] = [delivery(), delivery()];
    const settler = settlerOf();
    await settler.settle(one as never, DONE);
    await settler.settle(one as never, DONE);
    await settlerOf('broker', {}, 'manual').settle(own as never, DONE);
    expect([one.settlements, own.settlements, told]).toEqual([['ack'], [], []]);
  });

  it('acknowledges a message when the broker has it elsewhere, and not before', async () => {
    let confirm = (): void => {};
    const settler = settlerOf();
    const held = jest.fn(() => new Promise<void>((resolve) => (confirm = resolve)));
    (settler as unknown as { detour: Detour }).detour.retry = held;
    const one = delivery();
    const settled = settle(settler, one);
    await jest.advanceTimersByTimeAsync(60_000);
    expect([held.mock.calls.length, one.settlements, told]).toEqual([1, [], []]);
    await settled;
    confirm();
    await jest.advanceTimersByTimeAsync(0);
    expect([one.settlements, told.map(({ decision, delay }) => [decision, delay])]).toEqual([['ack'], [['retry', 50]]]);
  });

  it('publishes a copy again and again, later each time, until the broker has it', async () => {
    outcomes = [LOST, LOST, LOST];
    const one = delivery();
    const begun = Date.now();
    await settle(settlerOf(), one);
    while (!one.settled) await jest.advanceTimersByTimeAsync(100);
    expect([one.settlements, Date.now() - begun]).toEqual([['ack'], 1_000 + 2_000 + 4_000]);
    expect([aside, told.map(({ decision }) => decision)]).toEqual([['retry 1, failed 1'], ['retry']]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('waits for thirty seconds at most', async () => {
    outcomes = Array.from({ length: 9 }, () => LOST);
    const one = delivery();
    await settle(settlerOf(), one);
    await jest.advanceTimersByTimeAsync(31_000);
    while (outcomes.length > 0) await jest.advanceTimersByTimeAsync(1_000);
    await jest.advanceTimersByTimeAsync(29_000);
    expect(one.settled).toBe(false);
    await jest.advanceTimersByTimeAsync(1_000);
    expect(one.settlements).toEqual(['ack']);
  });

  it('ends as its policy says what cannot be retried', async () => {
    outcomes = [new CannotRetryError('too long')];
    const one = delivery();
    await settle(settlerOf(), one);
    expect([one.settlements, aside]).toEqual([['ack'], ['park 1, failed 1']]);
  });

  it('gives back what cannot leave when its consumer pauses', async () => {
    const settler = settlerOf();
    outcomes = [LOST];
    const one = delivery();
    await settle(settler, one);
    expect([settler.held.length, one.settlements]).toEqual([1, []]);
    settler.release();
    await jest.advanceTimersByTimeAsync(0);
    expect([settler.held.length, one.settlements, aside, jest.getTimerCount()]).toEqual([0, ['requeue'], [], 0]);
  });

  it('hands a message out again in the process, with its attempt, and gives it back when nobody takes it', async () => {
    const settler = settlerOf('process', { then: 'discard' });
    const [one, two] = [delivery(), delivery()];
    await settle(settler, one);
    await settle(settler, two);
    expect(settler.contextOf(one as never).attempt).toBe(2);
    there = false;
    await jest.advanceTimersByTimeAsync(49);
    expect([again, one.settlements]).toEqual([[], []]);
    await jest.advanceTimersByTimeAsync(1);
    expect([again, one.settlements, two.settlements]).toEqual([[], ['requeue'], ['requeue']]);
    there = true;
    const three = delivery();
    await settle(settler, three);
    await jest.advanceTimersByTimeAsync(50);
    expect(again).toEqual([three.deliveryTag]);
    await settle(settler, three);
    expect(told.at(-1)).toMatchObject({ attempt: 2, decision: 'discard' });
    expect(three.settlements).toEqual(['ack']);
  });

  it('forgets what waits when its channel is lost: nothing is handled again, and no timer is left', async () => {
    const settler = settlerOf('process');
    const one = delivery();
    await settle(settler, one);
    settler.abandon();
    expect(jest.getTimerCount()).toBe(0);
    await jest.advanceTimersByTimeAsync(1_000);
    expect([again, one.settlements]).toEqual([[], []]);
  });

  it('gives back at once what waits when its consumer pauses', async () => {
    const settler = settlerOf('process');
    const [waits, settled] = [delivery(), delivery()];
    await settle(settler, waits);
    await settle(settler, settled);
    settled.ack();
    settler.release();
    expect([waits.settlements, settled.settlements, jest.getTimerCount()]).toEqual([['requeue'], ['ack'], 0]);
  });

  it('requeues at once what comes for the first time, and after a second what was redelivered', async () => {
    const settler = settlerOf();
    const [fresh, repeated] = [delivery(), delivery(true)];
    await settle(settler, fresh, new RequeueMessage('later'));
    await settle(settler, repeated, new RequeueMessage('later'));
    expect([fresh.settlements, repeated.settlements]).toEqual([['requeue'], []]);
    await jest.advanceTimersByTimeAsync(1_000);
    expect(repeated.settlements).toEqual(['requeue']);
  });

  it('rejects, parks, discards and stops as the table says', async () => {
    const once = (then: RetryOptions['then']): RetryOptions => ({ attempts: 1, ...(then && { then }) });
    const cases: [Settler, unknown, string[]][] = [
      [settlerOf(), new RejectMessage('no'), ['reject']],
      [settlerOf('broker', once('park')), ERROR, ['ack']],
      [settlerOf('broker', once('discard')), ERROR, ['ack']],
      [settlerOf('broker', once('dead-letter')), ERROR, ['reject']],
      [settlerOf('stream', once('stop')), ERROR, []],
    ];
    for (const [settler, error, settlements] of cases) {
      const one = delivery();
      await settle(settler, one, error);
      expect(one.settlements).toEqual(settlements);
    }
    expect([aside, stopped]).toEqual([['park 2, failed 1'], [ERROR]]);
  });

  it('leaves alone what the handler has settled before it failed', async () => {
    const one = delivery();
    one.reject({ requeue: false });
    await settle(settlerOf(), one);
    expect([one.settlements, aside, told[0]?.decision]).toEqual([['reject'], [], 'settled']);
  });

  it.each([
    ['a retry in the broker', 'broker', ERROR],
    ['a retry in the process', 'process', ERROR],
    ['a requeue after a pause', 'broker', new RequeueMessage('later')],
    ['a message of a stream', 'stream', ERROR],
    ['a rejection', 'broker', new RejectMessage('never')],
  ] as const)('leaves what fails after its channel has ended to the broker: %s', async (_, place, error) => {
    const late = delivery(true);
    outcomes = Array.from({ length: 3 }, () => LOST);
    late.stale = true;
    await settle(settlerOf(place), late, error);
    expect(told.map(({ decision }) => decision)).toEqual(['requeue']);
    expect([late.settlements, aside, stopped, jest.getTimerCount()]).toEqual([[], [], [], 0]);
  });
});
