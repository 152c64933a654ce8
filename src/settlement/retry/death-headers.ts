import type { FieldTable } from '../../../lib/client/index.js';
import { deathsByOthers, diedIn } from '../../common/death-headers.js';
import { delayQueuePrefix } from './settlement-queue-names.js';

/**
 * Returns the headers about dead-letterings, except those by the delay queues of `queue`; undefined if there are none.
 * A message loses these headers in a delay queue, since RabbitMQ 4 writes them anew.
 */
export function deathsOf(headers: FieldTable, queue: string): FieldTable | undefined {
  return deathsByOthers(headers, isDelayQueueOf(queue));
}

/**
 * Returns true if the broker's headers show that the message comes from a delay queue of `queue`. Only consumers
 * publish to it.
 */
export function wasInDelayQueue(headers: FieldTable, queue: string): boolean {
  return diedIn(headers, isDelayQueueOf(queue));
}

function isDelayQueueOf(queue: string): (name: string) => boolean {
  const prefix = delayQueuePrefix(queue);
  return (name) => name.startsWith(prefix);
}
