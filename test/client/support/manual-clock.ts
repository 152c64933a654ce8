import type { Clock } from '../../../lib/environment/clock.js';

/** A clock whose time passes only on `advance()`. */
export class ManualClock implements Clock {
  #now = 0;
  readonly #epoch: number;
  #timers = new Set<{ readonly at: number; readonly run: () => void }>();

  /** @param epoch wall-clock time at its start, ms since 1970 */
  constructor(epoch = 0) {
    this.#epoch = epoch;
  }

  now(): number {
    return this.#now;
  }

  wallTime(): number {
    return this.#epoch + this.#now;
  }

  after(delay: number, run: () => void): () => void {
    const timer = { at: this.#now + delay, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  afterPendingEvents(run: () => void): void {
    setImmediate(run);
  }

  /** Moves on by `ms`, and runs the timers that become due, in order. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (!next) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
    }
    this.#now = end;
  }

  /** Moves on in small steps, with turns of the event loop between them, until `work` is done. */
  async advanceUntil(work: Promise<unknown>): Promise<void> {
    let done = false;
    const end = (): boolean => (done = true);
    work.then(end, end);
    while (!done) {
      this.advance(10);
      for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    }
    await work;
  }
}
