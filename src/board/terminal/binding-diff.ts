import { TypedField } from '../../../lib/client/index.js';
import type { TopologyOptions } from '../../topology/topology.js';
import type { ManagementApi } from '../management/management-api.js';
import type { TopologyDifference } from './topology-difference.js';

/** A binding as the management API tells it. */
interface ToldBinding {
  readonly source: string;
  readonly kind: string;
  readonly destination: string;
  readonly routingKey: string;
  readonly args: unknown;
}

/**
 * Compares declared bindings with those of a broker. A binding that is not declared is a difference if both of its ends are: an old
 * routing key goes on to route messages after its declaration is gone.
 *
 * @param skipped queues that exist only as long as an instance runs
 * @throws ManagementError
 */
export async function compareBindings(
  api: ManagementApi,
  vhost: string,
  { exchanges = [], queues = [], bindings = [] }: TopologyOptions,
  skipped: readonly string[],
): Promise<{ readonly compared: number; readonly differences: readonly TopologyDifference[] }> {
  const told = (await api.list(`bindings/${encodeURIComponent(vhost)}`)).map((one) => ({
    source: String(one['source']),
    kind: String(one['destination_type']),
    destination: String(one['destination']),
    routingKey: String(one['routing_key']),
    args: one['arguments'],
  }));
  const wanted = bindings
    .filter(({ destinationKind, destination }) => destinationKind !== 'queue' || !skipped.includes(destination))
    .map(({ source, destinationKind: kind, destination, routingKey, arguments: args }) => ({
      source,
      kind,
      destination,
      routingKey,
      args,
    }));
  const [there, known] = [new Set(told.map(keyOf)), new Set(wanted.map(keyOf))];
  const sources = new Set(exchanges.map(({ name }) => name));
  const ends = new Set([
    ...exchanges.map(({ name }) => `exchange ${name}`),
    ...queues.filter(({ name }) => !skipped.includes(name)).map(({ name }) => `queue ${name}`),
  ]);
  const missing = wanted.filter((binding) => !there.has(keyOf(binding)));
  const extra = told.filter(
    (binding) =>
      sources.has(binding.source) && ends.has(`${binding.kind} ${binding.destination}`) && !known.has(keyOf(binding)),
  );
  const differences = [
    ...missing.map((binding) => differenceOf(binding, 'missing', 'the broker has no such binding')),
    ...extra.map((binding) => differenceOf(binding, 'extra', 'the application does not declare it')),
  ];
  return { compared: wanted.length, differences };
}

function differenceOf(
  { source, kind, destination, routingKey }: ToldBinding,
  difference: TopologyDifference['difference'],
  reason: string,
): TopologyDifference {
  return { kind: 'binding', name: `${source} to ${kind} ${destination} with '${routingKey}'`, difference, reason };
}

const keyOf = ({ source, kind, destination, routingKey, args }: ToldBinding): string =>
  JSON.stringify([source, kind, destination, routingKey, inOrder(args)]);

/** Returns the arguments as JSON has them, with their names in order. */
function inOrder(value: unknown): unknown {
  if (value instanceof TypedField) return inOrder(value.value);
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof Date) return Math.floor(value.getTime() / 1_000);
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, one]) => one !== undefined);
  return Object.fromEntries(
    entries.sort(([one], [other]) => (one < other ? -1 : 1)).map(([name, one]) => [name, inOrder(one)]),
  );
}
