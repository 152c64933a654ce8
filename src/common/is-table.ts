import type { FieldTable, FieldValue } from '../../lib/client/index.js';

/** Returns true for a table among the values of headers. */
export function isTable(value: FieldValue): value is FieldTable {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
