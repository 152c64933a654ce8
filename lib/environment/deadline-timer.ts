import type { Clock } from './clock.js';

/** One timer for many deadlines. It fires at the earliest one, since most deadlines are met long before. */
export class DeadlineTimer {
  private at = Infinity;
  private cancel: (() => void) | undefined;

  /**
   * @param sweep fails everything that has reached its deadline; returns the earliest remaining deadline, Infinity for
   * none
   */
  constructor(
    private readonly clock: Clock,
    private readonly sweep: (now: number) => number,
  ) {}

  /** Fires at the deadline or earlier. @param deadline clock time in ms; Infinity for none */
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
