import type { Delivery } from '../../lib/client/index.js';
import type { RetryState } from './retry/retry-state.js';

/** Facts about the broker that the settlements of a consumer depend on. */
export interface BrokerFacts {
  /** The user that the application has logged in as; undefined where that is not known. */
  readonly user: string | undefined;
  /** See `deliveryLimitOf`. */
  readonly deliveryLimit: number;
}

/** Takes messages out of their queue, and knows when the broker has them. */
export interface Detour {
  /** Called before the consumer starts. @throws MissingQueueError where the queues are missing and may not be declared */
  prepare(): Promise<BrokerFacts>;
  /** @throws CannotRetryError, or AmqpError when the broker does not have it, or may not have it */
  retry(delivery: Delivery, state: RetryState, delay: number): Promise<void>;
  /** @throws AmqpError when the broker does not have it, or may not have it */
  park(delivery: Delivery, state: RetryState): Promise<void>;
}
