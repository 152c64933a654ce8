import type { Channel, Delivery } from '../../../lib/client/index.js';
import type { DeliveryKey } from './ledger.js';
import type { CallsInOrder } from './promises.js';

/** A delivery that the user has, settled or not. */
export interface Held {
  readonly delivery: Delivery;
  readonly key: DeliveryKey;
  readonly id: number;
}

/** The part of a channel that its consumers use. */
export interface DeliveryOwner {
  readonly owner: { readonly name: string; readonly restoreFailed: boolean; readonly closeAsked: boolean };
  readonly channel: Channel | undefined;
  readonly calls: CallsInOrder;
  readonly closeAsked: boolean;
  /** The largest prefetch that a consumer without its own may have; 0 for none. */
  readonly prefetchAtMost: number;
  /** The number of the channel's prefetches that no longer apply. */
  readonly prefetchesOver: number;
  /** The number of prefetches that the user has asked for. */
  readonly prefetchesAsked: number;
  /** Notes a delivery that has come. */
  receive(delivery: Delivery, queue: string, who: string): Held;
  /** Holds a delivery until a step or the end settles it. */
  hold(held: Held): void;
  settle(held: Held, how: 'ack' | 'nack' | 'reject', multiple: boolean): void;
  /** Returns whether the opening of the channel that the delivery belongs to is over. */
  isVoid(key: DeliveryKey): boolean;
  /** Returns whether a multiple settlement of `last` settles `other`, too. */
  covers(last: DeliveryKey, other: DeliveryKey): boolean;
  /** Checks that no delivery of a lost opening reaches a handler. */
  checkFresh(key: DeliveryKey, who: string): void;
  /** Closes the channel from within a handler. */
  closeInside(): Promise<void>;
}
