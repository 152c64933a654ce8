import type { Trace } from './trace.js';
import type { RunOptions, Violation } from './world.js';

/** Records the first violation, which ends the run. */
export class Oracle {
  violation: Violation | undefined;
  readonly counts: Record<string, number> = {};

  constructor(
    private readonly now: () => number,
    private readonly trace: Trace,
    private readonly options: RunOptions,
  ) {}

  /** Returns whether the invariant is checked. */
  watches(invariant: string): boolean {
    const { only, except } = this.options;
    return (!only || only.has(invariant)) && !except?.has(invariant);
  }

  fail(invariant: string, what: string): void {
    if (this.violation || !this.watches(invariant)) return;
    this.violation = { invariant, what, at: this.now() };
    this.trace.add('ORACLE', `${invariant}: ${what}`);
  }

  check(holds: boolean, invariant: string, what: () => string): void {
    if (!holds) this.fail(invariant, what());
  }

  count(what: string, by = 1): void {
    this.counts[what] = (this.counts[what] ?? 0) + by;
  }
}

/** Detects more than `limit` events within `window` ms. */
export class Rate {
  private times: number[] = [];

  constructor(
    private readonly limit: number,
    private readonly window: number,
  ) {}

  /** @returns the number of events within the window if it exceeds the limit */
  hit(now: number): number | undefined {
    this.times.push(now);
    if (this.times.length <= this.limit) return undefined;
    while (this.times[0]! < now - this.window) this.times.shift();
    return this.times.length > this.limit ? this.times.length : undefined;
  }
}
