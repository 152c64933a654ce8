import type { Delivery } from '../../../lib/client/index.js';
import type { Clock } from '../../../lib/environment/index.js';
import type { Settler } from '../../settlement/settler.js';
import { RateMeter } from './rate-meter.js';
import type { StreamPosition } from '../stream/stream-position.js';

/** The result of a delivery. `abandoned`: its channel was lost before the handler had finished. */
export type Result = 'done' | 'failed' | 'abandoned';

/** Takes the deliveries of one consumer, from whatever channel they come, and counts them. */
export abstract class DeliverySink {
  /** Deliveries that were handled, well or not. */
  readonly handled: RateMeter;
  /** Those of them whose handling failed. */
  readonly failed: RateMeter;
  private running = 0;
  private waiters: (() => void)[] = [];

  constructor(
    clock: Pick<Clock, 'now'>,
    readonly settler: Settler,
  ) {
    this.handled = new RateMeter(clock);
    this.failed = new RateMeter(clock);
  }

  /** Deliveries that were taken and are not settled yet, and those that wait in the process for their retry. */
  get inFlight(): number {
    return this.running + this.settler.retrying;
  }

  /**
   * Takes a delivery; resolves once it is settled, and never rejects.
   *
   * @param position is told of it, for streams
   */
  handle(delivery: Delivery, position?: StreamPosition): Promise<void> {
    return this.count(delivery, position, () => this.process(delivery));
  }

  /** Takes a delivery that came without its body, which is too large; likewise. */
  handleTooLarge(delivery: Delivery, size: number, limit: number, position?: StreamPosition): Promise<void> {
    return this.count(delivery, position, async () => {
      await this.settler.settleTooLarge(delivery, size, limit);
      return 'failed';
    });
  }

  private async count(
    delivery: Delivery,
    position: StreamPosition | undefined,
    process: () => Promise<Result>,
  ): Promise<void> {
    this.running++;
    position?.begin(delivery);
    try {
      const result = await process();
      if (result === 'abandoned' || this.settler.isStale(delivery)) return;
      this.handled.add();
      if (result === 'failed') this.failed.add();
      position?.end(delivery);
    } finally {
      this.running--;
      if (this.running === 0) for (const resolve of this.waiters.splice(0)) resolve();
    }
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
  }

  /** The grace period of a stop is over: ends what can be ended before its end. */
  async cutOff(): Promise<void> {}

  /** Settles a delivery. Never rejects. */
  protected abstract process(delivery: Delivery): Promise<Result>;
}
