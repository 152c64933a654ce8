import type { Delivery } from '../../../lib/client/index.js';
import type { Clock } from '../../../lib/environment/index.js';
import { RateMeter } from './rate-meter.js';
import type { StreamPosition } from '../stream/stream-position.js';

/** How a delivery ended; `abandoned`: its channel was lost before it was handled. */
export type Result = 'done' | 'failed' | 'abandoned';

/** What takes the deliveries of one consumer, whatever channel they come on, and counts them. */
export abstract class DeliverySink {
  /** Deliveries that were handled, well or not. */
  readonly handled: RateMeter;
  /** Those of them whose handling failed. */
  readonly failed: RateMeter;
  private running = 0;
  private waiters: (() => void)[] = [];

  constructor(clock: Pick<Clock, 'now'>) {
    this.handled = new RateMeter(clock);
    this.failed = new RateMeter(clock);
  }

  /** Deliveries that were taken and are not settled yet. */
  get inFlight(): number {
    return this.running;
  }

  /**
   * Takes a delivery; resolves once it is settled, and never rejects.
   *
   * @param position is told of it, for streams
   */
  async handle(delivery: Delivery, position?: StreamPosition): Promise<void> {
    this.running++;
    position?.begin(delivery);
    try {
      const result = await this.process(delivery);
      if (result === 'abandoned') return;
      this.handled.add();
      if (result === 'failed') this.failed.add();
      position?.end(delivery);
    } finally {
      this.running--;
      if (this.running === 0) for (const resolve of this.waiters.splice(0)) resolve();
    }
  }

  /** Resolves when everything that was taken is settled. */
  idle(): Promise<void> {
    if (this.running === 0) return Promise.resolve();
    return new Promise((resolve) => this.waiters.push(resolve));
  }

  /** Nothing more comes: what waits for others is handled now. */
  flush(): void {}

  /** The channel is lost, and what waits was requeued by the broker: it comes again. */
  abandon(): void {}

  /** Settles a delivery. Never rejects. */
  protected abstract process(delivery: Delivery): Promise<Result>;
}
