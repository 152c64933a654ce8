import type { Clock } from '../../../../lib/environment/index.js';

/** Gathers items into batches. A batch ends when it is full or has reached its maximum age. */
export class BatchCollector<T> {
  private waiting: T[] = [];
  private running = 0;
  /** Cancels the timer while it runs. */
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

  /** Handles the waiting items now. */
  flush(): void {
    this.due = true;
    this.pump();
  }

  /** Removes and returns the items that are in no batch yet. */
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

  /** Starts or cancels the timer of the batch that is filling. It runs while items wait that are not due. */
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
