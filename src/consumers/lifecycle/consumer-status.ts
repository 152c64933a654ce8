import type { SlowHandlers } from '../../settlement/handlings.js';

/**
 * The state of a consumer:
 *
 * - `starting`: the broker has not registered it yet
 * - `consuming`: the broker delivers to it
 * - `paused`: by {@link AmqpConsumerRegistry.pause}, until {@link AmqpConsumerRegistry.resume}
 * - `recovering`: its connection, channel or queue was lost, and it is being restored
 * - `stopped`: finally, since the application stops or its connection was closed
 *
 * @publicApi
 */
export type ConsumerState = 'starting' | 'consuming' | 'paused' | 'recovering' | 'stopped';

/**
 * The present state of a consumer, from {@link AmqpConsumerRegistry.list}.
 *
 * @publicApi
 */
export interface ConsumerStatus {
  /** Class and method of the handler: `BillingConsumer.onOrder`; for several handlers a text that names the first ones. */
  readonly handler: string;
  /** Class and method of each handler. Several handlers may share a consumer, see {@link SelectionOptions.routingKey}. */
  readonly handlers: readonly string[];
  /** Name of the queue. */
  readonly queue: string;
  /** Name of the connection; `default` for the connection without a name. */
  readonly connection: string;
  /** The present state. */
  readonly state: ConsumerState;

  /** The error because of which the consumer recovers or has stopped, if there is one. */
  readonly error: Error | undefined;
  /** The consumer tag; undefined while the broker does not have the consumer. */
  readonly consumerTag: string | undefined;
  /** Maximum number of unacknowledged messages that the broker delivers; 0 and Infinity mean no limit. */
  readonly prefetch: number;
  /**
   * Maximum number of handlers that run at once; Infinity means that only the prefetch limits them. Undefined for a batch
   * consumer, whose limits cannot be changed.
   */
  readonly concurrency: number | undefined;
  /** Number of messages in the process: their handlers run, or have not begun yet. */
  readonly inFlight: number;
  /** Number of messages handled since the start, with or without success. */
  readonly handled: number;
  /** Number of these that failed. Each attempt of a message counts. */
  readonly failed: number;
  /**
   * Number of messages whose channel was lost while their handler ran. The broker delivers them again. They count neither
   * as handled nor as failed.
   */
  readonly stale: number;
  /** Number of failed messages that are held unacknowledged, since they can be neither retried nor parked now. */
  readonly held: number;
  /** Handlers that have run for a minute or longer; undefined if there are none. */
  readonly slow: SlowHandlers | undefined;
  /** Handled messages per second, averaged over the last 10 s. */
  readonly handledPerSecond: number;
  /** Failed messages per second, averaged over the last 10 s. */
  readonly failedPerSecond: number;
}
