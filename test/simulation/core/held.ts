import type { Channel, Delivery } from '../../../lib/client/index.js';
import type { DeliveryKey } from './ledger.js';
import type { CallsInOrder } from './promises.js';

/** A delivery that the user has, settled or not. */
export interface Held {
  readonly delivery: Delivery;
  readonly key: DeliveryKey;
  readonly id: number;
}

/** What a consumer needs of its channel. */
export interface DeliveryOwner {
  readonly owner: { readonly name: string; readonly restoreFailed: boolean };
  readonly channel: Channel | undefined;
  readonly calls: CallsInOrder;
  readonly closeAsked: boolean;
  /** The largest prefetch that a consumer without its own may have; 0 for none. */
  readonly prefetchAtMost: number;
  /** How many of the channel's prefetches count no more. */
  readonly prefetchesOver: number;
  /** Notes a delivery that has come. */
  receive(delivery: Delivery, queue: string, who: string): Held;
  /** It is settled at the end, or when a step says so. */
  hold(held: Held): void;
  settle(held: Held, how: 'ack' | 'nack' | 'reject', multiple: boolean): void;
  /** The opening of the channel that this delivery belongs to is over. */
  isVoid(key: DeliveryKey): boolean;
  /** A multiple settlement of `last` takes `other` along. */
  covers(last: DeliveryKey, other: DeliveryKey): boolean;
  /** Nothing of an opening that was lost reaches a handler. */
  checkFresh(key: DeliveryKey, who: string): void;
  /** Closes it from within a handler. */
  closeInside(): Promise<void>;
}
