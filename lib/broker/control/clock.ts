import type { Clock } from '../../environment/index.js';
import { checkTime } from '../checks.js';

interface Scheduled {
  readonly due: number;
  readonly run: () => void;
  /** Cancels the timer of the given clock. */
  disarm: () => void;
}

/**
 * The broker's time in ms, for TTLs and expiries. It runs with the given clock and can be moved forward, so that a test
 * of a one-minute TTL does not take a minute.
 */
export class BrokerClock {
  private offset = 0;
  private readonly scheduled = new Set<Scheduled>();

  /** @param onError gets the error of a task, which would end the process if it was thrown in a timer */
  constructor(
    private readonly base: Clock,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** Monotonic. */
  now(): number {
    return this.base.now() + this.offset;
  }

  /** Wall-clock time in whole ms since 1970. */
  wallTime(): number {
    return Math.floor(this.base.wallTime() + this.offset);
  }

  /**
   * Calls `run` after `delay` ms of this clock; never for Infinity. The wait does not keep the process alive. Returns
   * the function that cancels it.
   */
  after(delay: number, run: () => void): () => void {
    if (delay === Infinity) return () => {};
    const task: Scheduled = { due: this.now() + delay, run, disarm: () => {} };
    this.scheduled.add(task);
    this.arm(task);
    return () => this.remove(task);
  }

  /** Moves time forward by `ms` and runs the tasks that become due, in the order of their due times. */
  advance(ms: number): void {
    checkTime('advance: ms', ms);
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

  /** True while a task is due that has not run yet. */
  get isLate(): boolean {
    return (this.earliest()?.due ?? Infinity) <= this.now();
  }

  /** Cancels all tasks. */
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
