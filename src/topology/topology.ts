import type { BindingDefinition } from './bindings.js';
import type { ExchangeDefinition } from './exchanges.js';
import type { QueueDefinition } from './queues.js';

/**
 * The exchanges, queues and bindings that the application needs. They are declared at the start, before consumers
 * start.
 */
export interface TopologyOptions {
  /**
   * The way in which the topology is declared. Default `assert`.
   *
   * - `assert` declares it. An exchange or queue that exists with other arguments fails the start and is not changed.
   * - `verify` creates nothing and fails the start if an exchange or queue is missing; it needs no configure
   *   permission. AMQP can check neither bindings nor arguments in this way.
   * - `none` does nothing.
   */
  readonly declare?: 'assert' | 'verify' | 'none';
  /** Made by {@link topicExchange} and the like. Default: none. */
  readonly exchanges?: readonly ExchangeDefinition[];
  /** Made by {@link quorumQueue} and the like. Default: none. */
  readonly queues?: readonly QueueDefinition[];
  /** Made by {@link bindQueue} and {@link bindExchange}. Default: none. */
  readonly bindings?: readonly BindingDefinition[];
}
