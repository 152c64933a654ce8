import type { Connection } from '../../../lib/client/index.js';
import { declareTopology } from '../../topology/declare-topology.js';
import type { ServerNames } from '../../topology/server-names.js';
import type { KnownTopology } from '../../topology/known-topology.js';

/**
 * Restores a queue that was deleted while it had a consumer. If the topology contains and asserts the queue, the queue
 * is declared; otherwise the method only checks that it exists. Then it is bound as before.
 *
 * @throws TopologyError, NotFoundError and other errors of the broker
 */
export function restoreQueue(
  connection: Connection,
  queue: string,
  topology: KnownTopology,
  names: ServerNames,
): Promise<void> {
  return connection.withScratchChannel(async (channel) => {
    const asserts = topology.declare === 'assert';
    const definition = asserts ? topology.queue(queue) : undefined;
    if (!definition) await channel.queueDeclare(queue, { passive: true });
    if (!asserts) return;
    const bindings = topology.bindingsOf(queue);
    await declareTopology([channel], { queues: definition ? [definition] : [], bindings }, names);
  });
}
