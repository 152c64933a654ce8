import type { Clock } from '../../lib/environment/index.js';
import type { Delivery } from '../../lib/client/index.js';

/** Deliveries that wait in the process, unsettled: no more of them than the consumer's prefetch lets in. */
export class HeldDeliveries {
  /** Each with what cancels its timer. */
  private readonly timers = new Map<Delivery, () => void>();

  constructor(private readonly clock: Pick<Clock, 'after'>) {}

  /** Runs `then` after so many ms. */
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

  /** Forgets all of them. */
  end(): readonly Delivery[] {
    const waiting = [...this.timers.keys()];
    for (const cancel of this.timers.values()) cancel();
    this.timers.clear();
    return waiting;
  }
}
