import type { Clock } from './clock.js';

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
    this.cancel = this.clock.after(Math.max(0, deadline - this.clock.now()), () => this.goOff());
  }

  stop(): void {
    this.cancel?.();
    this.at = Infinity;
  }

  private goOff(): void {
    // A caller told of a timeout may set a new deadline, so clear `at` first.
    this.at = Infinity;
    this.by(this.sweep(this.clock.now()));
  }
}
