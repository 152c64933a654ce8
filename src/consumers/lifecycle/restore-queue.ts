import type { Connection } from '../../../lib/client/index.js';
import { declareTopology } from '../../topology/declare-topology.js';
import type { ServerNames } from '../../topology/server-names.js';
import type { TopologyOptions } from '../../topology/topology.js';

/**
 * Brings back a queue that was deleted under its consumer: declares it with its bindings, where the topology has it and
 * is to be asserted; else only looks whether it is there.
 *
 * @throws TopologyError, NotFoundError and whatever else the broker says
 */
export function restoreQueue(
  connection: Connection,
  queue: string,
  { declare = 'assert', queues = [], bindings = [] }: TopologyOptions,
  names: ServerNames,
): Promise<void> {
  return connection.withScratchChannel(async (channel) => {
    const definition = declare === 'assert' ? queues.find(({ name }) => name === queue) : undefined;
    if (!definition) {
      await channel.queueDeclare(queue, { passive: true });
      return;
    }
    const own = bindings.filter(
      ({ destination, destinationKind }) => destinationKind === 'queue' && destination === queue,
    );
    await declareTopology(channel, { queues: [definition], bindings: own }, names);
  });
}
