import type { FieldTable, FieldValue } from '../../../lib/client/index.js';
import { isTable } from './failure-record.js';
import { delayQueuePrefix } from './settlement-queue-names.js';

const DEATH_HEADER = /^x-(death|(first|last)-death-.+)$/;

/** Whether the broker has put this header there when the message was dead-lettered (https://www.rabbitmq.com/docs/dlx). */
export const isDeathHeader = (name: string): boolean => DEATH_HEADER.test(name);

/**
 * What the headers tell of dead-letterings other than those of the delay queues of `queue`; undefined when that is
 * nothing. Messages lose it on their way through a delay queue: RabbitMQ 4 writes it anew.
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

/** Whether the broker says that the message has come out of a delay queue of `queue`, where only its consumers put messages. */
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
