import type { Clock } from '../../environment/index.js';
import { Deferred, within, type WaitOptions } from '../timing/deferred.js';

/** The calls of `drainEvents()` that wait for the next event of a connection. */
export class EventWaiters {
  private waiting: Deferred<void>[] = [];

  /** Resolves with the next event. @throws TimeoutError, the signal's reason, or the error given to `fail` */
  async next(clock: Clock, wait: WaitOptions): Promise<void> {
    const waiter = new Deferred<void>();
    this.waiting.push(waiter);
    try {
      await within(waiter.promise, clock, wait, `drainEvents: no event within ${wait.timeout} ms`);
    } finally {
      this.waiting = this.waiting.filter((other) => other !== waiter);
    }
  }

  /** True if a call waits. */
  get any(): boolean {
    return this.waiting.length > 0;
  }

  came(): void {
    for (const waiter of this.waiting.splice(0)) waiter.resolve();
  }

  fail(error: unknown): void {
    for (const waiter of this.waiting.splice(0)) waiter.reject(error);
  }
}
