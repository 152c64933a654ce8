import { ConfigurationError } from '../../lib/client/index.js';
import { refuseUnknown } from '../common/known-options.js';
import { describeValue } from '../common/described-value.js';
import { namesOf } from '../../lib/option-names/index.js';
import type { BindingDefinition } from './bindings.js';
import type { ExchangeDefinition } from './exchanges.js';
import type { QueueDefinition } from './queues.js';
import type { TopologyOptions } from './topology.js';

/** The properties of entries. A misspelt one would have no effect. */
const PROPERTIES = {
  exchanges: namesOf({ name: 0, type: 0, durable: 0, autoDelete: 0, internal: 0, arguments: 0 } satisfies Record<
    keyof ExchangeDefinition,
    0
  >),
  queues: namesOf({
    name: 0,
    durable: 0,
    exclusive: 0,
    autoDelete: 0,
    arguments: 0,
    serverNamed: 0,
  } satisfies Record<keyof QueueDefinition, 0>),
  bindings: namesOf({
    destination: 0,
    destinationKind: 0,
    source: 0,
    routingKey: 0,
    arguments: 0,
  } satisfies Record<keyof BindingDefinition, 0>),
} as const;

/** A property that only such entries have, and the call that makes one. */
const ENTRIES = {
  exchanges: { key: 'type', type: 'string', builder: "topicExchange('orders')" },
  queues: { key: 'exclusive', type: 'boolean', builder: "quorumQueue('billing')" },
  bindings: { key: 'destination', type: 'string', builder: "bindQueue('billing', 'orders', 'order.*')" },
} as const;

/**
 * Checks that every entry of a topology was made by a builder, since untyped callers may pass anything.
 *
 * @param place the owner of the topology, for the error: `AmqpModule.forRoot(): topology`
 * @param known names of its options
 * @throws ConfigurationError
 */
export function checkTopology(place: string, topology: TopologyOptions, known: readonly string[]): void {
  refuseUnknown(place, topology, known);
  for (const name of ['exchanges', 'queues', 'bindings'] as const) {
    const given: unknown = topology[name];
    if (given !== undefined) checkEntries(`${place}: ${name}`, name, given);
  }
}

/** @throws ConfigurationError */
export function checkEntries(place: string, kind: keyof typeof ENTRIES, given: unknown): void {
  if (!Array.isArray(given)) throw new ConfigurationError(`${place} must be an array; it is ${describeValue(given)}`);
  const { key, type, builder } = ENTRIES[kind];
  const wrong = given.findIndex((entry) => typeof (Object(entry) as Record<string, unknown>)[key] !== type);
  if (wrong < 0) {
    given.forEach((entry: object, index) => refuseUnknown(`${place}[${index}]`, entry, PROPERTIES[kind]));
    return;
  }
  throw new ConfigurationError(
    `${place}[${wrong}] must be made by a builder such as ${builder}; it is ${describeValue(given[wrong])}` +
      (given[wrong] === Object(given[wrong]) ? ` without ${key}` : ''),
  );
}
