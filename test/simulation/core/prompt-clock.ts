import type { OwnedClock } from '../engine/virtual-clock.js';

/** A broker's clock that can run at once what waits for the end of the turn: a broker writes its answers then. */
export class PromptClock implements OwnedClock {
  private waiting = new Set<() => void>();
  private running = false;

  constructor(private readonly clock: OwnedClock) {}

  readonly now = (): number => this.clock.now();
  readonly wallTime = (): number => this.clock.wallTime();
  readonly after: OwnedClock['after'] = (delay, run, options) => this.clock.after(delay, run, options);

  afterPendingEvents(run: () => void): void {
    const once = (): void => {
      if (this.waiting.delete(once)) run();
    };
    this.waiting.add(once);
    this.clock.afterPendingEvents(once);
  }

  /** Runs what waits now; what that brings about waits for the end of the turn. */
  runWaiting(): void {
    if (this.running) return;
    this.running = true;
    for (const once of [...this.waiting]) once();
    this.running = false;
  }
}
