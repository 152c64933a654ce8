import type { BindingDefinition } from './bindings.js';
import type { ExchangeDefinition } from './exchanges.js';
import type { QueueDefinition } from './queues.js';

/** What the application needs on the broker. Declared when it starts, before its consumers do. */
export interface TopologyOptions {
  /**
   * `assert`: declare what is missing; what is there and different fails the start, and stays as it is. `verify`: create
   * nothing, and fail the start when an exchange or a queue is missing; for applications that have no permission to
   * configure. AMQP can look neither at bindings nor at arguments. `none`: leave the broker alone. Default `assert`.
   */
  readonly declare?: 'assert' | 'verify' | 'none';
  readonly exchanges?: readonly ExchangeDefinition[];
  readonly queues?: readonly QueueDefinition[];
  readonly bindings?: readonly BindingDefinition[];
}
