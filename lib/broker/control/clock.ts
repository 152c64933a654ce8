/** A timer that can be called off. */
export interface Timer {
  cancel(): void;
}

interface Scheduled {
  readonly due: number;
  readonly run: () => void;
  handle: NodeJS.Timeout | undefined;
}

/** The longest wait that Node's timers keep, in ms; what is due later is looked at again then. */
const MAX_WAIT = 0x7fff_ffff;

/**
 * The broker's time, in ms: what TTLs and expiries go by. It runs with the machine's, and can be moved forward, so that
 * a test of a one-minute TTL takes no minute.
 */
export class BrokerClock {
  private offset = 0;
  private readonly scheduled = new Set<Scheduled>();

  now(): number {
    return Date.now() + this.offset;
  }

  /** Runs `run` in `delay` ms of this clock. The wait does not keep the process alive. */
  after(delay: number, run: () => void): Timer {
    const task: Scheduled = { due: this.now() + delay, run, handle: undefined };
    this.scheduled.add(task);
    this.arm(task);
    return { cancel: () => this.remove(task) };
  }

  /** Moves time forward by `ms`, and runs what became due meanwhile, in order of its due time. */
  advance(ms: number): void {
    if (!(ms >= 0)) throw new RangeError('time moves forward only: advance(ms) takes 0 or more');
    const end = this.now() + ms;
    for (;;) {
      const next = this.earliest();
      if (!next || next.due > end) break;
      this.offset += Math.max(0, next.due - this.now());
      this.fire(next);
    }
    this.offset += Math.max(0, end - this.now());
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
    clearTimeout(task.handle);
    const wait = Math.min(Math.max(0, Math.ceil(task.due - this.now())), MAX_WAIT);
    task.handle = setTimeout(() => {
      if (task.due > this.now()) this.arm(task);
      else this.fire(task);
    }, wait).unref();
  }

  private fire(task: Scheduled): void {
    this.remove(task);
    task.run();
  }

  private remove(task: Scheduled): void {
    clearTimeout(task.handle);
    this.scheduled.delete(task);
  }
}
