import type { Clock } from '../../../../lib/environment/index.js';

/** Gathers items to batches, which are full, or as old as they may get. */
export class BatchCollector<T> {
  private waiting: T[] = [];
  private running = 0;
  /** Of the timer, while it runs. */
  private cancel: (() => void) | undefined;
  /** True if the waiting messages are handled now, even if they do not fill a batch. */
  private due = false;

  /** @param handle never rejects */
  constructor(
    private readonly clock: Pick<Clock, 'after'>,
    private readonly limits: { readonly size: number; readonly maxWait: number; readonly concurrency: number },
    private readonly handle: (batch: T[]) => Promise<void>,
  ) {}

  add(item: T): void {
    this.waiting.push(item);
    this.pump();
  }

  /** Does not wait for more. */
  flush(): void {
    this.due = true;
    this.pump();
  }

  /** Takes back what no batch has got yet. */
  clear(): T[] {
    const waiting = this.waiting;
    this.waiting = [];
    this.settleTimer();
    return waiting;
  }

  private pump(): void {
    const { size, concurrency } = this.limits;
    while (this.running < concurrency && (this.waiting.length >= size || (this.due && this.waiting.length > 0))) {
      this.running++;
      void this.handle(this.waiting.splice(0, size)).then(() => {
        this.running--;
        this.pump();
      });
    }
    this.settleTimer();
  }

  /** One timer for the batch that fills up: it runs while something waits that is not due. */
  private settleTimer(): void {
    if (this.waiting.length === 0) this.due = false;
    if (this.waiting.length === 0 || this.due) {
      this.cancel?.();
      this.cancel = undefined;
    } else {
      this.cancel ??= this.clock.after(this.limits.maxWait, () => {
        this.cancel = undefined;
        this.flush();
      });
    }
  }
}
