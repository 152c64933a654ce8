import { beforeEach, describe, expect, it } from '@jest/globals';
import { ChannelClosedError, NotFoundError } from '../../../lib/client/index.js';
import type { NamedConnection } from '../../registry/named-connection.js';
import { QueueCounts } from './queue-counts.js';

const BILLING = { connection: 'default', name: 'billing', parks: true };
const REPLIES = { connection: 'default', name: 'replies', parks: false };

describe('QueueCounts', () => {
  let now: number;
  let timers: (() => void)[];
  /** The queues of each channel. */
  let channels: string[][];
  let there: Map<string, number>;
  let counts: QueueCounts;

  /** A channel that a missing queue closes. */
  const channel = (asked: string[]) => {
    let closed = false;
    return {
      async queueDeclare(name: string) {
        asked.push(name);
        if (closed) throw new ChannelClosedError('it is closed', 'unknown');
        const messageCount = there.get(name);
        if (messageCount !== undefined) return { messageCount, consumerCount: 1 };
        closed = true;
        throw new NotFoundError(`404 NOT_FOUND - no queue '${name}'`);
      },
    };
  };
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 100; turn++) await Promise.resolve();
  };
  const nextRound = async (ms: number): Promise<string[][]> => {
    channels = [];
    now += ms;
    timers.pop()!();
    await settle();
    return channels;
  };

  beforeEach(async () => {
    [now, timers, channels] = [0, [], []];
    there = new Map([
      ['billing', 3],
      ['replies', 0],
    ]);
    const consuming = {
      state: 'open',
      withScratchChannel(work: (opened: ReturnType<typeof channel>) => Promise<unknown>) {
        const asked: string[] = [];
        channels.push(asked);
        return work(channel(asked));
      },
    };
    const connection = {
      name: 'default',
      connections: {
        isOpen: true,
        open: () => Promise.resolve({ consuming }),
        serverNames: { resolve: (name: string) => name },
      },
    } as unknown as NamedConnection;
    const clock = {
      now: () => now,
      after: (_: number, run: () => void) => {
        timers.push(run);
        return () => void (timers = timers.filter((other) => other !== run));
      },
    };
    counts = new QueueCounts(
      clock,
      () => [connection],
      () => [BILLING, REPLIES],
    );
    counts.begin();
    await settle();
  });

  it('counts queues one by one at first, since a missing one ends its channel', () => {
    expect(channels).toEqual([['billing', 'billing.parked'], ['replies']]);
    expect(counts.of(BILLING)).toEqual({ ready: 3, consumers: 1 });
    expect(counts.of(REPLIES)).toEqual({ ready: 0, consumers: 1 });
    expect(counts.parked(BILLING)).toBe(0);
  });

  it('counts those that were there together afterwards, and asks for a missing one again after a minute', async () => {
    expect(await nextRound(5_000)).toEqual([['billing', 'replies']]);
    expect(await nextRound(50_000)).toEqual([['billing', 'replies']]);
    expect(await nextRound(5_000)).toEqual([['billing', 'replies'], ['billing.parked']]);
  });

  it('asks for a parked queue that does not exist in pauses from a minute to 16, also when the page is opened again', async () => {
    const pauses: number[] = [];
    let last = now;
    while (pauses.length < 7) {
      const asked = await nextRound(60_000);
      if (!asked.flat().includes('billing.parked')) continue;
      pauses.push((now - last) / 60_000);
      last = now;
      channels = [];
      counts.end();
      counts.begin();
      await settle();
      expect(channels).toEqual([['billing', 'replies']]);
      expect(counts.parked(BILLING)).toBe(0);
    }
    expect(pauses).toEqual([1, 2, 4, 8, 16, 16, 16]);
  });

  it('asks again after a minute for a queue of the application that does not exist', async () => {
    there.delete('billing');
    await nextRound(5_000);
    for (let minute = 0; minute < 5; minute++) expect((await nextRound(60_000)).flat()).toContain('billing');
  });

  it('asks for the parked queue at once when a message was parked', async () => {
    there.set('billing.parked', 1);
    counts.expectParked('billing');
    expect(await nextRound(5_000)).toEqual([['billing', 'replies'], ['billing.parked']]);
    expect(counts.parked(BILLING)).toBe(1);
  });

  it('keeps the numbers of the others when a queue is gone, and tells why it has none', async () => {
    there.delete('billing');
    there.set('replies', 9);
    await nextRound(5_000);
    expect(counts.of(BILLING)).toBeUndefined();
    expect(counts.problem(BILLING)).toContain('NOT_FOUND');
    expect(counts.of(REPLIES)).toEqual({ ready: 0, consumers: 1 });
    await nextRound(5_000);
    expect(counts.of(REPLIES)).toEqual({ ready: 9, consumers: 1 });
  });

  it('asks for nothing after its end, and knows nothing any more', () => {
    counts.end();
    expect(timers).toEqual([]);
    expect(counts.of(BILLING)).toBeUndefined();
  });
});
