import type { NamedConnection } from '../../registry/named-connection.js';

/** Returns true if the topology declares the queue as a stream. */
export function isStream(queue: string, { options }: Pick<NamedConnection, 'options'>): boolean {
  return options.topology?.queues?.find(({ name }) => name === queue)?.arguments['x-queue-type'] === 'stream';
}
