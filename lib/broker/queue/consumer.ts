import type { QueueEntry } from './message.js';
import type { Queue } from './queue.js';

/** The part of a channel that its consumers use. */
export interface ConsumerHost {
  /** True if the channel's limit is not reached and the socket is not full. */
  canDeliver(consumer: Consumer): boolean;
  /** Returns false if the connection's frames cannot hold the message; the connection ends then. */
  deliver(consumer: Consumer, entry: QueueEntry): boolean;
  /**
   * Reports the cancellation to the client, because the queue is gone or by a fault
   * (https://www.rabbitmq.com/docs/consumer-cancel).
   */
  cancelled(consumer: Consumer): void;
}

/** A consumer of one queue on one channel. */
export class Consumer {
  /** Number of unacknowledged deliveries. */
  unacked = 0;
  /** True after its end: it gets no more deliveries. */
  cancelled = false;

  constructor(
    readonly tag: string,
    readonly queue: Queue,
    readonly noAck: boolean,
    readonly exclusive: boolean,
    /** Consumers of a higher priority are served first (x-priority). */
    readonly priority: number,
    /** Maximum number of unacknowledged deliveries; 0 for no limit. */
    readonly prefetch: number,
    /** Its channel. */
    readonly host: ConsumerHost,
  ) {}

  /** True if it can take a delivery now. */
  get ready(): boolean {
    if (this.cancelled) return false;
    if (!this.noAck && this.prefetch > 0 && this.unacked >= this.prefetch) return false;
    return this.host.canDeliver(this);
  }

  /** Returns false if the message could not be sent. */
  take(entry: QueueEntry): boolean {
    return this.host.deliver(this, entry);
  }

  /** Ends the consumer from the broker's side. */
  cancel(): void {
    this.host.cancelled(this);
  }
}
