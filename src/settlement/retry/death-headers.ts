import type { FieldTable, FieldValue } from '../../../lib/client/index.js';
import { isTable } from './failure-record.js';
import { delayQueuePrefix } from './settlement-queue-names.js';

const DEATH_HEADER = /^x-(death|(first|last)-death-.+)$/;

/**
 * Returns true for a header that the broker adds when it dead-letters a message (https://www.rabbitmq.com/docs/dlx).
 */
export const isDeathHeader = (name: string): boolean => DEATH_HEADER.test(name);

/**
 * Returns the headers about dead-letterings, except those by the delay queues of `queue`; undefined if there are none.
 * A message loses these headers in a delay queue, since RabbitMQ 4 writes them anew.
 */
export function deathsOf(headers: FieldTable, queue: string): FieldTable | undefined {
  const deaths = headers['x-death'];
  const others = Array.isArray(deaths) ? deaths.filter((death: FieldValue) => !isOfDelayQueue(death, queue)) : [];
  if (others.length === 0) return undefined;
  const table: FieldTable = { 'x-death': others };
  for (const which of ['first', 'last']) {
    const prefix = `x-${which}-death-`;
    if (isDelayQueue(headers[`${prefix}queue`], queue)) continue;
    for (const name of Object.keys(headers)) if (name.startsWith(prefix)) table[name] = headers[name];
  }
  return table;
}

/**
 * Returns true if the broker's headers show that the message comes from a delay queue of `queue`. Only consumers
 * publish to it.
 */
export function wasInDelayQueue(headers: FieldTable, queue: string): boolean {
  const deaths = headers['x-death'];
  return Array.isArray(deaths) && deaths.some((death: FieldValue) => isOfDelayQueue(death, queue));
}

function isOfDelayQueue(death: FieldValue, queue: string): boolean {
  return isTable(death) && isDelayQueue(death['queue'], queue);
}

function isDelayQueue(name: FieldValue, queue: string): boolean {
  return typeof name === 'string' && name.startsWith(delayQueuePrefix(queue));
}
