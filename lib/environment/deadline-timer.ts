import type { Clock } from './clock.js';

/** Timers that are longer go off at once. In ms. */
const MAX_DELAY = 0x7fff_ffff;

/** One timer for many deadlines: it goes off at the earliest, and most are met long before. */
export class DeadlineTimer {
  private at = Infinity;
  private cancel: (() => void) | undefined;

  /** @param sweep fails what is late; returns the earliest deadline that is left, Infinity for none */
  constructor(
    private readonly clock: Clock,
    private readonly sweep: (now: number) => number,
  ) {}

  /** Goes off then, or before. @param deadline clock time in ms; Infinity for none */
  by(deadline: number): void {
    if (deadline >= this.at) return;
    this.cancel?.();
    this.at = deadline;
    const delay = Math.min(Math.max(0, deadline - this.clock.now()), MAX_DELAY);
    this.cancel = this.clock.after(delay, () => this.goOff());
  }

  stop(): void {
    this.cancel?.();
    this.at = Infinity;
  }

  private goOff(): void {
    // Who hears that it was late may begin anew, and then has the timer.
    this.at = Infinity;
    this.by(this.sweep(this.clock.now()));
  }
}
