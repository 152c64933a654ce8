import type { NamedConnection } from '../../registry/named-connection.js';

/** Returns true if the application declares the queue as a stream. */
export function isStream(queue: string, { connections }: Pick<NamedConnection, 'connections'>): boolean {
  return connections.topology.queue(queue)?.arguments['x-queue-type'] === 'stream';
}
