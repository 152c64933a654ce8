import { Buffer } from 'node:buffer';
import type { FieldTable, FieldValue } from '../../lib/client/index.js';

/** Returns the approximate size of headers on the wire, in bytes. Encoded values count with their own size. */
export function headerSize(headers: FieldTable): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(headers)) bytes += 1 + Buffer.byteLength(name) + valueSize(value);
  return bytes;
}

function valueSize(value: FieldValue): number {
  if (typeof value === 'string') return 5 + Buffer.byteLength(value);
  if (typeof value !== 'object' || value === null || value instanceof Date) return 9;
  if ('bytes' in value && value.bytes instanceof Uint8Array) return value.bytes.length;
  if (value instanceof Uint8Array) return 5 + value.length;
  if (Array.isArray(value)) return value.reduce<number>((bytes, item: FieldValue) => bytes + valueSize(item), 5);
  return 5 + headerSize(value as FieldTable);
}
