import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { systemClock } from '../../environment/index.js';
import type { Restorable } from '../channel/channel-host.js';
import { AccessRefusedError, ChannelClosedError, NotFoundError, PreconditionFailedError, TimeoutError, type AmqpError } from '../errors.js'; // prettier-ignore
import type { Link } from '../link/link.js';
import { restore } from './restore.js';

const LATE = new TimeoutError('no answer');
const IN_USE = new AccessRefusedError('in exclusive use', { method: 'basic.consume' });

/** A channel whose way back goes as the test says: each step takes its next outcome, and succeeds when there is none. */
class FakeChannel implements Restorable {
  lost = true;
  readonly log: string[] = [];
  readonly channelOptions: { readonly restoreAttempts: number };
  registered = 2;
  ended: AmqpError | undefined;

  constructor(
    readonly outcomes: { attach?: unknown[]; resume?: unknown[] } = {},
    restoreAttempts = 3,
  ) {
    this.channelOptions = { restoreAttempts };
  }

  readonly consumers = { list: () => Array.from({ length: this.registered }, () => ({ queue: 'q' })) };

  readonly idleId = 1;

  vacate(): Promise<void> {
    return Promise.resolve();
  }

  attach(): Promise<void> {
    this.log.push('attach');
    return this.take('attach');
  }

  async resume(): Promise<void> {
    this.log.push('resume');
    await this.take('resume');
    this.lost = false;
  }

  finish(error: AmqpError | undefined): void {
    this.ended = error;
    this.lost = false;
  }

  private async take(step: 'attach' | 'resume'): Promise<void> {
    const outcome = this.outcomes[step]?.shift();
    if (outcome !== undefined) throw outcome;
  }
}

describe('restore', () => {
  let host: { link: Link | undefined; options: never };
  let failed: unknown[];
  let replays: number;
  const replay = (): Promise<void> => {
    replays++;
    return Promise.resolve();
  };
  /** The link that the host has now. */
  let ending: AbortController;
  const lose = (error?: unknown): void => {
    host.link = undefined;
    ending.abort(error);
  };
  const connect = (): Link => {
    ending = new AbortController();
    const fail = (error: unknown): void => {
      failed.push(error);
      lose(error);
    };
    return { ended: ending.signal, fail } as unknown as Link;
  };

  beforeEach(() => {
    jest.useFakeTimers();
    [failed, replays] = [[], 0];
    const options = { clock: systemClock, random: { next: () => 0.5 }, logger: { warn: () => {} } };
    host = { link: connect(), options: options as never };
  });
  afterEach(() => {
    expect(jest.getTimerCount()).toBe(0);
    jest.useRealTimers();
  });

  const run = async (channels: FakeChannel[], ms = 0): Promise<void> => {
    void restore(channels, replay, host as never);
    await jest.advanceTimersByTimeAsync(ms);
  };

  it('opens all, declares once for all, then consumes', async () => {
    const channels = [new FakeChannel(), new FakeChannel()];
    await run(channels);
    expect(channels.map(({ log }) => log)).toEqual([['attach', 'resume'], ['attach', 'resume']]); // prettier-ignore
    expect([replays, failed]).toEqual([1, []]);
  });

  it('consumes what it can, though the topology could not be declared', async () => {
    const channel = new FakeChannel();
    void restore([channel], () => Promise.reject(new NotFoundError('gone')), host as never);
    await jest.advanceTimersByTimeAsync(0);
    expect([channel.log, channel.lost]).toEqual([['attach', 'resume'], false]);
  });

  it('starts a channel that fails over, alone, while the others are back', async () => {
    const [well, failing] = [
      new FakeChannel(),
      new FakeChannel({ resume: [new ChannelClosedError('closed', 'unknown')] }),
    ];
    await run([well, failing]);
    expect([well.lost, failing.lost]).toEqual([false, true]);
    await jest.advanceTimersByTimeAsync(60);
    expect([failing.lost, failing.log.length, well.log.length, replays]).toEqual([false, 4, 2, 2]);
  });

  it('closes a channel that keeps failing, with what it failed with last', async () => {
    const error = new PreconditionFailedError('never', { method: 'basic.qos' });
    const channel = new FakeChannel({ attach: Array.from({ length: 9 }, () => error) }, 3);
    await run([channel], 10_000);
    expect([channel.ended, channel.log]).toEqual([error, ['attach', 'attach', 'attach', 'attach']]);
  });

  it.each(['attach', 'resume'] as const)(
    'gives the connection up when the broker does not answer: %s',
    async (step) => {
      const channel = new FakeChannel({ resume: [new ChannelClosedError('closed', 'unknown')] });
      await run([channel]);
      channel.outcomes[step] = [LATE];
      await jest.advanceTimersByTimeAsync(60);
      expect([failed[0], channel.ended, channel.lost]).toEqual([LATE, undefined, true]);
    },
  );

  it('gives the connection up when the first channel.open has no answer', async () => {
    await run([new FakeChannel({ attach: [LATE] })]);
    expect([failed, jest.getTimerCount()]).toEqual([[LATE], 0]);
  });

  it('counts a consumer that is locked out, and waits by itself, as no failure of its channel', async () => {
    const locked = new FakeChannel({ resume: [IN_USE, IN_USE] }, 1);
    await run([locked], 200);
    expect([locked.ended, locked.lost, locked.log.length]).toEqual([undefined, false, 6]);
  });

  it('counts a consumer that has ended for good as no failure of its channel', async () => {
    const channel = new FakeChannel({ resume: Array.from({ length: 4 }, () => new NotFoundError('none', { method: 'basic.consume' })) }, 2); // prettier-ignore
    await run([channel], 20_000);
    expect([channel.ended, channel.lost]).toEqual([undefined, false]);
  });

  it('ends with the connection that it is on', async () => {
    const channel = new FakeChannel({ resume: [new ChannelClosedError('closed', 'unknown')] });
    await run([channel]);
    lose();
    expect(jest.getTimerCount()).toBe(0);
    host.link = connect();
    await jest.advanceTimersByTimeAsync(60_000);
    expect([channel.log.length, channel.ended]).toEqual([2, undefined]);
  });
});
