import { Deferred } from './deferred.js';

/** The calls that wait for the same event. */
export class Waiters {
  private waiting: Deferred<void>[] = [];

  get any(): boolean {
    return this.waiting.length > 0;
  }

  /** Resolves with the next `release()`. */
  wait(): Promise<void> {
    const waiter = new Deferred<void>();
    this.waiting.push(waiter);
    return waiter.promise;
  }

  release(): void {
    for (const waiter of this.waiting.splice(0)) waiter.resolve();
  }
}
