import type { Delivery } from '../../../lib/client/index.js';
import type { Clock } from '../../../lib/environment/index.js';
import type { Settler } from '../../settlement/settler.js';
import { RateMeter } from './rate-meter.js';
import type { StreamPosition } from '../stream/stream-position.js';

/** The result of a delivery. `abandoned`: its channel was lost before the handler had finished. */
export type Result = 'done' | 'failed' | 'abandoned';

/** The parts of every sink. */
export interface SinkParts {
  readonly clock: Clock;
  readonly settler: Settler;
  /** For streams. */
  readonly position?: StreamPosition | undefined;
}

/** Takes and counts the deliveries of one consumer, on each of its channels. */
export abstract class DeliverySink {
  /** Deliveries that were handled, with or without success. */
  readonly handled: RateMeter;
  /** Handled deliveries whose handler failed. */
  readonly failed: RateMeter;
  readonly settler: Settler;
  readonly position: StreamPosition | undefined;
  private running = 0;
  private waiters: (() => void)[] = [];

  constructor({ clock, settler, position }: SinkParts) {
    this.handled = new RateMeter(clock);
    this.failed = new RateMeter(clock);
    this.settler = settler;
    this.position = position;
  }

  /** The number of unsettled deliveries, with those that wait in the process for a retry. */
  get inFlight(): number {
    return this.running + this.settler.retrying;
  }

  /** Takes a delivery. Returns undefined if it is settled already, else a promise that resolves then and never rejects. */
  abstract handle(delivery: Delivery): Promise<void> | undefined;

  /** Takes a delivery whose body is too large and was not read. Resolves once it is settled, and never rejects. */
  handleTooLarge(delivery: Delivery, size: number, limit: number): Promise<void> {
    return this.count(delivery, async () => {
      await this.settler.settleTooLarge(delivery, size, limit);
      return 'failed';
    });
  }

  /** Counts a delivery from its start to its result. */
  protected async count(delivery: Delivery, process: () => Promise<Result>): Promise<void> {
    this.begin(delivery);
    let result: Result = 'abandoned';
    try {
      result = await process();
    } finally {
      this.end(delivery, result);
    }
  }

  protected begin(delivery: Delivery): void {
    this.running++;
    this.position?.begin(delivery);
  }

  protected end(delivery: Delivery, result: Result): void {
    if (result !== 'abandoned' && !this.settler.isStale(delivery)) {
      this.handled.add();
      if (result === 'failed') this.failed.add();
      this.position?.end(delivery);
    }
    this.running--;
    if (this.running === 0) for (const resolve of this.waiters.splice(0)) resolve();
  }

  /** Resolves when every delivery is settled. */
  async idle(): Promise<void> {
    if (this.running > 0) await new Promise<void>((resolve) => this.waiters.push(resolve));
    await this.settler.idle();
  }

  /**
   * Called when no more deliveries come. An incomplete batch is handled now, and messages that wait for a retry are
   * requeued.
   */
  flush(): void {
    this.settler.release();
  }

  /**
   * Called when the channel is lost. The broker has requeued the unsettled messages and delivers them again.
   *
   * @param reason undefined if the channel was closed after the grace period of a stop
   */
  abandon(reason?: Error): void {
    this.settler.abandon(reason);
    this.position?.abandon();
  }

  /** Called at the end of the grace period of a stop. Ends replies that are still being sent. */
  async cutOff(): Promise<void> {}
}
