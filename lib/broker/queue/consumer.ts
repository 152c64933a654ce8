import type { QueueEntry } from './message.js';
import type { Queue } from './queue.js';

/** The part of a channel that its consumers use. */
export interface ConsumerHost {
  /** There is room: the channel's limit is not reached, and the socket takes what is sent. */
  canDeliver(consumer: Consumer): boolean;
  /** False when its connection's frames cannot hold it: the connection is over then. */
  deliver(consumer: Consumer, entry: QueueEntry): boolean;
  /** The queue is gone, or a fault was wished: the client hears of it (https://www.rabbitmq.com/docs/consumer-cancel). */
  cancelled(consumer: Consumer): void;
}

/** A consumer: between one queue and one channel. */
export class Consumer {
  /** Deliveries that wait for their acknowledgement. */
  unacked = 0;
  /** Over: nothing is delivered any more. */
  cancelled = false;

  constructor(
    readonly tag: string,
    readonly queue: Queue,
    readonly noAck: boolean,
    readonly exclusive: boolean,
    /** Higher ones are served first (x-priority). */
    readonly priority: number,
    /** Unacknowledged deliveries at most; 0 for no limit. */
    readonly prefetch: number,
    /** Its channel. */
    readonly host: ConsumerHost,
  ) {}

  /** It can take a delivery now. */
  get ready(): boolean {
    if (this.cancelled) return false;
    if (!this.noAck && this.prefetch > 0 && this.unacked >= this.prefetch) return false;
    return this.host.canDeliver(this);
  }

  /** False when it could not be sent. */
  take(entry: QueueEntry): boolean {
    return this.host.deliver(this, entry);
  }

  /** Ends it from the broker's side. */
  cancel(): void {
    this.host.cancelled(this);
  }
}
