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

/** Takes the deliveries of one consumer, from whatever channel they come, and counts them. */
export abstract class DeliverySink {
  /** Deliveries that were handled, well or not. */
  readonly handled: RateMeter;
  /** Those of them whose handling failed. */
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

  /** Deliveries that were taken and are not settled yet, and those that wait in the process for their retry. */
  get inFlight(): number {
    return this.running + this.settler.retrying;
  }

  /** Takes a delivery; resolves once it is settled, and never rejects. */
  abstract handle(delivery: Delivery): Promise<void>;

  /** Takes a delivery that came without its body, which is too large; likewise. */
  handleTooLarge(delivery: Delivery, size: number, limit: number): Promise<void> {
    return this.count(delivery, async () => {
      await this.settler.settleTooLarge(delivery, size, limit);
      return 'failed';
    });
  }

  /** Counts a delivery, from its begin to its result. */
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

  /** Resolves when everything that was taken is settled. */
  async idle(): Promise<void> {
    if (this.running > 0) await new Promise<void>((resolve) => this.waiters.push(resolve));
    await this.settler.idle();
  }

  /** Nothing more comes: what waits for others is handled now, and what waits for a retry goes back. */
  flush(): void {
    this.settler.release();
  }

  /**
   * The channel is lost, and what waits was requeued by the broker: it comes again.
   *
   * @param reason undefined when it was closed after the grace period of a stop
   */
  abandon(reason?: Error): void {
    this.settler.abandon(reason);
    this.position?.abandon();
  }

  /** The grace period of a stop is over: ends what can be ended before its end. */
  async cutOff(): Promise<void> {}
}
