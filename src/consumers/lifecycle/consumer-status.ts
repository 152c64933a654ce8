import type { SlowHandlers } from '../../settlement/handlings.js';

/**
 * The state of a consumer:
 *
 * - `starting`: not with the broker yet
 * - `consuming`: the broker delivers to it
 * - `paused`: by {@link AmqpConsumerRegistry.pause}, until resumed
 * - `recovering`: the connection, the channel or the queue is lost; it comes back by itself
 * - `stopped`: for good, since the application stops or its connection has closed for good
 *
 * @publicApi
 */
export type ConsumerState = 'starting' | 'consuming' | 'paused' | 'recovering' | 'stopped';

/**
 * A consumer as {@link AmqpConsumerRegistry.list} shows it: what it is at this moment.
 *
 * @publicApi
 */
export interface ConsumerStatus {
  /** `BillingConsumer.onOrder` */
  readonly handler: string;
  readonly queue: string;
  readonly state: ConsumerState;
  /** The error because of which the consumer recovers or has stopped, if there is one. */
  readonly error: Error | undefined;
  /** Its name on the broker, while it has one. */
  readonly consumerTag: string | undefined;
  /** Messages that are being handled, or are here and wait for that. */
  readonly inFlight: number;
  /** Messages that were settled since the start, however it ended. */
  readonly handled: number;
  /** Of these, the ones whose handling failed; each attempt of a message counts. */
  readonly failed: number;
  /** Messages whose channel was lost while they were handled: the broker delivers them again. Neither handled nor failed. */
  readonly stale: number;
  /** Messages that failed and are held unacknowledged, because they can be neither retried nor parked at the moment. */
  readonly held: number;
  /** Handlers that have been running for a minute and longer; undefined when there are none. */
  readonly slow: SlowHandlers | undefined;
  /** Messages handled each second, over the last ten. */
  readonly handledPerSecond: number;
  /** Likewise those that failed. */
  readonly failedPerSecond: number;
}
