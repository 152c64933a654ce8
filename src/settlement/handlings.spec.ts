import { channel } from 'node:diagnostics_channel';
import { describe, expect, it } from '@jest/globals';
import { systemRandom, type Clock } from '../../lib/environment/index.js';
import { Handling } from './handling.js';
import { Handlings, type HandlerTime } from './handlings.js';

/** Time that the test turns. */
class TurnedClock implements Clock {
  private time = 0;
  private timers: { readonly at: number; readonly run: () => void }[] = [];

  get waiting(): number {
    return this.timers.length;
  }

  now(): number {
    return this.time;
  }

  wallTime(): number {
    return this.time;
  }

  after(delay: number, run: () => void): () => void {
    const timer = { at: this.time + delay, run };
    this.timers.push(timer);
    return () => void (this.timers = this.timers.filter((other) => other !== timer));
  }

  afterPendingEvents(run: () => void): void {
    setImmediate(run);
  }

  turn(ms: number): void {
    const end = this.time + ms;
    for (;;) {
      const due = this.timers.filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.timers = this.timers.filter((other) => other !== due);
      this.time = due.at;
      due.run();
    }
    this.time = end;
  }
}

const work = () => ({ handling: new Handling() });
type Work = ReturnType<typeof work>;

const handlingsOf = (
  clock: Clock,
  timeout?: number,
  onSlow: (one: Work, ms: number) => void = () => {},
): Handlings<Work> =>
  new Handlings({ clock, random: systemRandom }, { name: 'Billing.onOrder', queue: 'billing', timeout }, onSlow);

describe('Handlings', () => {
  it('forgets the deadlines of handlers that go on after the stop', async () => {
    const clock = new TurnedClock();
    const handlings = handlingsOf(clock, 1_000);
    const [ended, going] = [work(), work()];
    await handlings.inTime(ended, Promise.resolve());
    let settled = false;
    const never = new Promise<void>(() => {});
    const settle = (): void => void (settled = true);
    void handlings.inTime(going, never).then(settle, settle);
    expect(clock.waiting).toBe(1);
    handlings.forgetDeadlines();
    expect(clock.waiting).toBe(0);
    clock.turn(2_000);
    await Promise.resolve();
    expect(settled).toBe(false);
    expect(going.handling.over).toBeUndefined();
  });

  it('N2 2.4: tells once of each handler that runs for a minute, and shows it as long as it runs', () => {
    const clock = new TurnedClock();
    const told: [unknown, number][] = [];
    const handlings = handlingsOf(clock, undefined, (one, ms) => told.push([one, ms]));
    const [first, second, quick] = [work(), work(), work()];
    handlings.begin(first);
    clock.turn(30_000);
    handlings.begin(second);
    handlings.begin(quick);
    clock.turn(20_000);
    handlings.end(quick);
    expect([told, handlings.slow]).toEqual([[], undefined]);
    clock.turn(10_000);
    expect(told).toEqual([[first, 60_000]]);
    expect(handlings.slow).toEqual({ count: 1, longest: 60_000 });
    clock.turn(600_000);
    expect(told).toEqual([[first, 60_000], [second, 60_000]]); // prettier-ignore
    expect(handlings.slow).toEqual({ count: 2, longest: 660_000 });
    handlings.end(first);
    handlings.end(second);
    expect(handlings.slow).toBeUndefined();
    handlings.begin(work());
    clock.turn(60_000);
    expect(told).toHaveLength(3);
  });

  it('tells the times of handlers that begin while somebody listens, and not of those that were abandoned', () => {
    const clock = new TurnedClock();
    const handlings = handlingsOf(clock);
    const told: HandlerTime[] = [];
    const listen = (time: unknown): void => void told.push(time as HandlerTime);
    const [before, first, second, lost, after] = [work(), work(), work(), work(), work()];
    const times = channel('nest-amqp:handler-time');
    handlings.begin(before);
    times.subscribe(listen);
    try {
      for (const one of [first, second, lost]) handlings.begin(one);
      clock.turn(5);
      for (const one of [before, first]) handlings.end(one);
      clock.turn(15);
      handlings.end(second);
      handlings.end(second);
      handlings.abandon(new Error('lost'));
      handlings.end(lost);
    } finally {
      times.unsubscribe(listen);
    }
    handlings.begin(after);
    handlings.end(after);
    const of = { queue: 'billing', handler: 'Billing.onOrder', weight: 1 };
    expect(told).toEqual([
      { ...of, ms: 5 },
      { ...of, ms: 20 },
    ]);
  });

  it('ends what runs when the channel is lost, each once', () => {
    const handlings = handlingsOf(new TurnedClock());
    const [first, second] = [work(), work()];
    handlings.begin(first);
    handlings.begin(second);
    const { signal } = first.handling;
    const reason = new Error('lost');
    expect(handlings.abandon(reason)).toEqual([first, second]);
    expect(signal.reason).toBe(reason);
    // Also for whoever asks later.
    expect(second.handling.signal.reason).toBe(reason);
    expect(handlings.abandon(new Error('again'))).toEqual([]);
    expect(first.handling.over).toBe(reason);
  });
});
