import type { Clock } from '../../lib/environment/index.js';
import type { Delivery } from '../../lib/client/index.js';

/** Unsettled deliveries that wait in the process. The prefetch limits their number. */
export class HeldDeliveries {
  /** Each delivery with the function that cancels its timer. */
  private readonly timers = new Map<Delivery, () => void>();

  constructor(private readonly clock: Pick<Clock, 'after'>) {}

  /** Runs `then` after the delay, in ms. */
  add(delivery: Delivery, ms: number, then: () => void): void {
    const cancel = this.clock.after(ms, () => {
      this.timers.delete(delivery);
      then();
    });
    this.timers.set(delivery, cancel);
  }

  /** The number of held deliveries. */
  get count(): number {
    return this.timers.size;
  }

  /** Cancels all timers, and returns the deliveries. */
  end(): readonly Delivery[] {
    const waiting = [...this.timers.keys()];
    for (const cancel of this.timers.values()) cancel();
    this.timers.clear();
    return waiting;
  }
}
