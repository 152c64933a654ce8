import { ConfigurationError, type Channel } from '../../lib/client/index.js';
import type { BindingDefinition } from './bindings.js';
import { ServerNames } from './server-names.js';
import { topologyError } from './topology.errors.js';
import type { TopologyOptions } from './topology.js';

/**
 * Declares exchanges, then queues, then bindings, so that both ends of a binding exist when it is declared.
 * Declarations run one at a time: an error closes the channel and fails every pending call, so only a sequence shows
 * which entity is wrong.
 *
 * @param names receives the names that the broker chooses for server-named queues
 * @throws TopologyError for the first entity that the broker refuses
 * @throws TopologyMismatchError if an entity exists with other arguments
 */
export async function declareTopology(
  channel: Channel,
  topology: TopologyOptions,
  names = new ServerNames(),
): Promise<void> {
  const { declare = 'assert' } = topology;
  if (declare === 'none') return;
  if (declare === 'verify') return verifyTopology(channel, topology);
  for (const { name, type, ...options } of topology.exchanges ?? []) {
    await attempt(`exchange '${name}'`, channel.exchangeDeclare(name, type, options));
  }
  for (const { name, serverNamed = false, ...options } of topology.queues ?? []) {
    const declared = await attempt(`queue '${name}'`, channel.queueDeclare(serverNamed ? '' : name, options));
    if (serverNamed) names.set(name, declared.queue);
  }
  for (const binding of topology.bindings ?? []) {
    await attempt(describeBinding(binding), bind(channel, binding, names));
  }
}

/** Checks with passive declarations, which fail for a missing entity and change nothing (section 1.7.2.1). */
async function verifyTopology(channel: Channel, { exchanges = [], queues = [] }: TopologyOptions): Promise<void> {
  for (const { name, type } of exchanges) {
    await attempt(`exchange '${name}'`, channel.exchangeDeclare(name, type, { passive: true }), 'find');
  }
  for (const { name, serverNamed } of queues) {
    if (serverNamed) throw new ConfigurationError(unverifiable(name));
    await attempt(`queue '${name}'`, channel.queueDeclare(name, { passive: true }), 'find');
  }
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

function describeBinding({ destination, destinationKind, source, routingKey }: BindingDefinition): string {
  return `binding of ${destinationKind} '${destination}' to exchange '${source}' with routing key '${routingKey}'`;
}

async function attempt<T>(entity: string, declaration: Promise<T>, aim: 'declare' | 'find' = 'declare'): Promise<T> {
  try {
    return await declaration;
  } catch (error) {
    throw topologyError(entity, error, aim);
  }
}
