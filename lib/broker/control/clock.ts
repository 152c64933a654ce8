import type { Clock } from '../../environment/index.js';

interface Scheduled {
  readonly due: number;
  readonly run: () => void;
  /** Ends the wait on the clock below. */
  disarm: () => void;
}

/**
 * The broker's time, in ms: what TTLs and expiries go by. It runs with the clock that it is given, and can be moved
 * forward, so that a test of a one-minute TTL takes no minute.
 */
export class BrokerClock {
  private offset = 0;
  private readonly scheduled = new Set<Scheduled>();

  /** @param onError gets what a task throws: thrown in a timer it would end the process */
  constructor(
    private readonly base: Clock,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** Monotonic. */
  now(): number {
    return this.base.now() + this.offset;
  }

  /** Since 1970, whole. */
  wallTime(): number {
    return Math.floor(this.base.wallTime() + this.offset);
  }

  /** Runs `run` in `delay` ms of this clock, Infinity for never. The wait does not keep the process alive. Returns what calls it off. */
  after(delay: number, run: () => void): () => void {
    if (delay === Infinity) return () => {};
    const task: Scheduled = { due: this.now() + delay, run, disarm: () => {} };
    this.scheduled.add(task);
    this.arm(task);
    return () => this.remove(task);
  }

  /** Moves time forward by `ms`, and runs what became due meanwhile, in order of its due time. */
  advance(ms: number): void {
    if (!(ms >= 0)) throw new RangeError('advance(ms): ms must be 0 or more, since time moves only forward');
    const end = this.offset + ms;
    for (;;) {
      const next = this.earliest();
      if (!next || next.due > this.base.now() + end) break;
      this.offset = Math.max(this.offset, next.due - this.base.now());
      this.fire(next);
    }
    this.offset = Math.max(this.offset, end);
    for (const task of this.scheduled) this.arm(task);
  }

  /** Calls everything off. */
  stop(): void {
    for (const task of [...this.scheduled]) this.remove(task);
  }

  private earliest(): Scheduled | undefined {
    let first: Scheduled | undefined;
    for (const task of this.scheduled) if (!first || task.due < first.due) first = task;
    return first;
  }

  private arm(task: Scheduled): void {
    task.disarm();
    const wait = Math.max(0, Math.ceil(task.due - this.now()));
    const look = (): void => (task.due > this.now() ? this.arm(task) : this.fire(task));
    task.disarm = this.base.after(wait, look, { keepAlive: false });
  }

  private fire(task: Scheduled): void {
    this.remove(task);
    try {
      task.run();
    } catch (error) {
      this.onError(error);
    }
  }

  private remove(task: Scheduled): void {
    task.disarm();
    this.scheduled.delete(task);
  }
}
