import type { OwnedClock } from '../engine/virtual-clock.js';

/** A broker's clock that can run the tasks at the end of the turn at once. A broker writes its answers in such a task. */
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

  /** Runs the waiting tasks. New tasks wait for the end of the turn. */
  runWaiting(): void {
    if (this.running) return;
    this.running = true;
    for (const once of [...this.waiting]) once();
    this.running = false;
  }
}
