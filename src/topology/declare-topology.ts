import { ChannelClosedError, ConfigurationError, type Channel } from '../../lib/client/index.js';
import type { BindingDefinition } from './bindings.js';
import { ServerNames } from './server-names.js';
import { topologyError, type TopologyAim } from './topology.errors.js';
import type { TopologyOptions } from './topology.js';

/**
 * Declares exchanges, then queues, then bindings, so that both ends of a binding exist when it is declared. Each kind takes
 * one round trip.
 *
 * @param channels the queues are divided among them; the first one declares everything else
 * @param names receives the names that the broker chooses for server-named queues; a queue that it has named before is
 *   replaced
 * @throws TopologyError for the first entity that the broker refuses
 * @throws TopologyMismatchError if an entity exists with other arguments
 */
export async function declareTopology(
  channels: readonly [Channel, ...Channel[]],
  topology: TopologyOptions,
  names = new ServerNames(),
): Promise<void> {
  const [channel] = channels;
  const { declare = 'assert' } = topology;
  if (declare === 'none') return;
  if (declare === 'verify') return verifyTopology(channel, topology);
  const { exchanges = [], queues = [], bindings = [] } = topology;
  await all(exchanges, ({ name, type, ...options }) =>
    attempt(`exchange '${name}'`, channel.exchangeDeclare(name, type, options)),
  );
  const channelOf = divide(queues, channels);
  await all(queues, async ({ name, serverNamed = false, ...options }) => {
    const channel = channelOf(name);
    // Without this the client would declare the old queue again when it reconnects.
    if (serverNamed && names.has(name)) await channel.queueDelete(names.resolve(name));
    const declared = await attempt(`queue '${name}'`, channel.queueDeclare(serverNamed ? '' : name, options));
    if (serverNamed) names.set(name, declared.queue);
  });
  await all(bindings, (binding) => attempt(describeBinding(binding), bind(channel, binding, names)));
}

/** Gives each queue a channel. Entries of the same name get the same one, and so the broker handles them in their order. */
function divide(
  queues: readonly { readonly name: string }[],
  channels: readonly [Channel, ...Channel[]],
): (name: string) => Channel {
  const numbers = new Map([...new Set(queues.map(({ name }) => name))].map((name, index) => [name, index]));
  return (name) => channels[(numbers.get(name) ?? 0) % channels.length] ?? channels[0];
}

/**
 * Declares all entities at once. The broker handles those of one channel one by one, and an error closes the channel: the wrong
 * entity gets the broker's error, and those behind it get ChannelClosedError. The error of the first wrong entity counts.
 */
async function all<T>(entities: readonly T[], declare: (entity: T) => Promise<unknown>): Promise<void> {
  const outcomes = await Promise.allSettled(entities.map(declare));
  const failures = outcomes.filter((outcome) => outcome.status === 'rejected').map(({ reason }) => reason as Error);
  if (failures.length > 0) throw failures.find(({ cause }) => !(cause instanceof ChannelClosedError)) ?? failures[0];
}

/** Checks with passive declarations, which fail for a missing entity and change nothing (section 1.7.2.1). */
async function verifyTopology(channel: Channel, { exchanges = [], queues = [] }: TopologyOptions): Promise<void> {
  const unnamed = queues.find(({ serverNamed }) => serverNamed);
  if (unnamed) throw new ConfigurationError(unverifiable(unnamed.name));
  const passive = { passive: true } as const;
  await all(exchanges, ({ name, type }) =>
    attempt(`exchange '${name}'`, channel.exchangeDeclare(name, type, passive), 'find'),
  );
  await all(queues, ({ name }) => attempt(`queue '${name}'`, channel.queueDeclare(name, passive), 'find'));
}

function unverifiable(queue: string): string {
  return (
    `Queue '${queue}' is named by the broker and cannot exist before the start, so declare: 'verify' cannot find it. ` +
    `Use a queue with a name, or declare: 'assert'.`
  );
}

function bind(channel: Channel, binding: BindingDefinition, names: ServerNames): Promise<void> {
  const { destination, destinationKind, source, routingKey } = binding;
  const options = { arguments: binding.arguments };
  return destinationKind === 'queue'
    ? channel.queueBind(names.resolve(destination), source, routingKey, options)
    : channel.exchangeBind(destination, source, routingKey, options);
}

export function describeBinding({ destination, destinationKind, source, routingKey }: BindingDefinition): string {
  return `binding of ${destinationKind} '${destination}' to exchange '${source}' with routing key '${routingKey}'`;
}

export async function attempt<T>(entity: string, declaration: Promise<T>, aim: TopologyAim = 'declare'): Promise<T> {
  try {
    return await declaration;
  } catch (error) {
    throw topologyError(entity, error, aim);
  }
}
