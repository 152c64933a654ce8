import type { Channel } from '../../lib/client/index.js';
import type { BindingDefinition } from './bindings.js';
import { attempt, describeBinding } from './declare-topology.js';
import type { ServerNames } from './server-names.js';

/** Removes a binding. A binding that does not exist is no error. @throws TopologyError */
export function deleteBinding(channel: Channel, binding: BindingDefinition, names: ServerNames): Promise<void> {
  const { destination, destinationKind, source, routingKey } = binding;
  const options = { arguments: binding.arguments };
  const removal =
    destinationKind === 'queue'
      ? channel.queueUnbind(names.resolve(destination), source, routingKey, options)
      : channel.exchangeUnbind(destination, source, routingKey, options);
  return attempt(describeBinding(binding), removal, 'delete');
}

/** Deletes a queue with its messages. A queue that does not exist is no error. @throws TopologyError */
export async function deleteQueue(channel: Channel, queue: string, names: ServerNames): Promise<void> {
  await attempt(`queue '${queue}'`, channel.queueDelete(names.resolve(queue)), 'delete');
}

/** Deletes an exchange. An exchange that does not exist is no error. @throws TopologyError */
export function deleteExchange(channel: Channel, exchange: string): Promise<void> {
  return attempt(`exchange '${exchange}'`, channel.exchangeDelete(exchange), 'delete');
}
