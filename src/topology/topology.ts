import type { BindingDefinition } from './bindings.js';
import type { ExchangeDefinition } from './exchanges.js';
import type { QueueDefinition } from './queues.js';

/** What the application needs on the broker. Declared when it starts, before its consumers do. */
export interface TopologyOptions {
  readonly exchanges?: readonly ExchangeDefinition[];
  readonly queues?: readonly QueueDefinition[];
  readonly bindings?: readonly BindingDefinition[];
}
