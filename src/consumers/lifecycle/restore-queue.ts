import type { Connection } from '../../../lib/client/index.js';
import { declareTopology } from '../../topology/declare-topology.js';
import type { ServerNames } from '../../topology/server-names.js';
import type { TopologyOptions } from '../../topology/topology.js';

/**
 * Restores a queue that was deleted while it had a consumer. If the topology contains and asserts the queue, the queue
 * is declared; otherwise the method only checks that it exists. Then it is bound as before.
 *
 * @throws TopologyError, NotFoundError and other errors of the broker
 */
export function restoreQueue(
  connection: Connection,
  queue: string,
  { declare = 'assert', queues = [], bindings = [] }: TopologyOptions,
  names: ServerNames,
): Promise<void> {
  return connection.withScratchChannel(async (channel) => {
    const definition = declare === 'assert' ? queues.find(({ name }) => name === queue) : undefined;
    if (!definition) await channel.queueDeclare(queue, { passive: true });
    if (declare !== 'assert') return;
    const own = bindings.filter(
      ({ destination, destinationKind }) => destinationKind === 'queue' && destination === queue,
    );
    await declareTopology(channel, { queues: definition ? [definition] : [], bindings: own }, names);
  });
}
