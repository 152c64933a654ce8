import type { Delivery } from '../../lib/client/index.js';
import type { RetryState } from './retry/retry-state.js';

/** Facts about the broker on which the settlements of a consumer depend. */
export interface BrokerFacts {
  /** The user of the connection; undefined if it is unknown. */
  readonly user: string | undefined;
  /** See `deliveryLimitOf`. */
  readonly deliveryLimit: number;
}

/** Moves messages to delay and parked queues, and resolves when the broker has confirmed them. */
export interface Detour {
  /** Called before the consumer starts. @throws MissingQueueError if the queues are missing and may not be declared */
  prepare(): Promise<BrokerFacts>;
  /** @throws CannotRetryError; AmqpError if the broker has not confirmed the message */
  retry(delivery: Delivery, state: RetryState, delay: number): Promise<void>;
  /** @throws AmqpError if the broker has not confirmed the message */
  park(delivery: Delivery, state: RetryState): Promise<void>;
  /** Closes its channel, if it has one. */
  close(): Promise<void>;
}
