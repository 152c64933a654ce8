import type { Consumer } from '../queue/consumer.js';
import { preconditionFailed } from '../errors.js';
import type { QueueEntry } from '../queue/message.js';
import type { Queue } from '../queue/queue.js';

/** A delivered message that waits for its acknowledgement. */
export interface UnackedDelivery {
  readonly deliveryTag: number;
  readonly entry: QueueEntry;
  readonly queue: Queue;
  /** None for basic.get. */
  readonly consumer: Consumer | undefined;
}

/** The unacknowledged deliveries of a channel by delivery tag, oldest first. */
export class Unacked {
  private byTag = new Map<number, UnackedDelivery>();

  get size(): number {
    return this.byTag.size;
  }

  add(delivery: UnackedDelivery): void {
    this.byTag.set(delivery.deliveryTag, delivery);
  }

  /**
   * Removes the deliveries that an acknowledgement covers: one, or all up to its tag; tag 0 with `multiple` covers all.
   *
   * @throws BrokerError (PRECONDITION_FAILED) if the tag is unknown or settled
   */
  take(deliveryTag: number, multiple: boolean): UnackedDelivery[] {
    if (multiple && deliveryTag === 0) return this.takeAll();
    const last = this.byTag.get(deliveryTag);
    if (!last) throw preconditionFailed(`unknown delivery tag ${deliveryTag}`);
    if (!multiple) {
      this.byTag.delete(deliveryTag);
      return [last];
    }
    const taken: UnackedDelivery[] = [];
    for (const delivery of this.byTag.values()) {
      if (delivery.deliveryTag > deliveryTag) break;
      taken.push(delivery);
    }
    this.remove(taken);
    return taken;
  }

  takeAll(): UnackedDelivery[] {
    const taken = [...this.byTag.values()];
    this.byTag.clear();
    return taken;
  }

  /** Puts removed deliveries back after the rollback of a transaction. */
  restore(deliveries: readonly UnackedDelivery[]): void {
    const all = [...deliveries, ...this.byTag.values()].sort((left, right) => left.deliveryTag - right.deliveryTag);
    this.byTag = new Map(all.map((delivery) => [delivery.deliveryTag, delivery]));
  }

  /**
   * Removes the oldest deliveries. Removing an entry from a Map takes ten times as long as reading one, so when most are
   * removed, the others move to a new Map.
   */
  private remove(oldest: readonly UnackedDelivery[]): void {
    const left = this.byTag.size - oldest.length;
    if (left === 0) return this.byTag.clear();
    if (left >= oldest.length) return oldest.forEach(({ deliveryTag }) => void this.byTag.delete(deliveryTag));
    this.byTag = new Map([...this.byTag].slice(oldest.length));
  }
}
