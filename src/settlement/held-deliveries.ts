import type { Delivery } from '../../lib/client/index.js';

/** Deliveries that wait in the process, unsettled: no more of them than the consumer's prefetch lets in. */
export class HeldDeliveries {
  private readonly timers = new Map<Delivery, NodeJS.Timeout>();

  /** Runs `then` after so many ms. */
  add(delivery: Delivery, ms: number, then: () => void): void {
    const timer = setTimeout(() => {
      this.timers.delete(delivery);
      then();
    }, ms);
    this.timers.set(delivery, timer);
  }

  /** Forgets all of them. */
  end(): readonly Delivery[] {
    const waiting = [...this.timers.keys()];
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.timers.clear();
    return waiting;
  }
}
