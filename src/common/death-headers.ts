import type { FieldTable, FieldValue } from '../../lib/client/index.js';
import { isTable } from './is-table.js';

const DEATH_HEADER = /^x-(death|(first|last)-death-.+)$/;

/**
 * Returns true for a header that the broker adds when it dead-letters a message (https://www.rabbitmq.com/docs/dlx).
 */
export const isDeathHeader = (name: string): boolean => DEATH_HEADER.test(name);

/** Returns the headers about dead-letterings, except those by these queues; undefined if there are no others. */
export function deathsByOthers(headers: FieldTable, isOwn: (queue: string) => boolean): FieldTable | undefined {
  const deaths = headers['x-death'];
  const others = Array.isArray(deaths) ? deaths.filter((death: FieldValue) => !isBy(death, isOwn)) : [];
  if (others.length === 0) return undefined;
  const table: FieldTable = { 'x-death': others };
  for (const which of ['first', 'last']) {
    const prefix = `x-${which}-death-`;
    const queue = headers[`${prefix}queue`];
    if (typeof queue === 'string' && isOwn(queue)) continue;
    for (const name of Object.keys(headers)) if (name.startsWith(prefix)) table[name] = headers[name];
  }
  return table;
}

/** Returns true if the broker's headers show that one of these queues has dead-lettered the message. */
export function diedIn(headers: FieldTable, isOwn: (queue: string) => boolean): boolean {
  const deaths = headers['x-death'];
  return Array.isArray(deaths) && deaths.some((death: FieldValue) => isBy(death, isOwn));
}

function isBy(death: FieldValue, isOwn: (queue: string) => boolean): boolean {
  const queue = isTable(death) ? death['queue'] : undefined;
  return typeof queue === 'string' && isOwn(queue);
}
