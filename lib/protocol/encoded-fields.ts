import { ByteReader } from './bytes.js';
import { EncodedField, readEncodedTable, readField, type FieldValue } from './field-table.js';

/** Reads values that are passed on as they were received. */

/** Decodes the value. */
export function decodeField(field: EncodedField): FieldValue {
  return readField(over(field));
}

/** Returns the items of an array; undefined for any other type. */
export function encodedItems(field: EncodedField): EncodedField[] | undefined {
  const reader = over(field);
  if (reader.octet() !== 'A'.charCodeAt(0)) return undefined;
  const items: EncodedField[] = [];
  reader.within(reader.long(), () => items.push(new EncodedField(reader.copyOf(() => readField(reader)))));
  return items;
}

/** Returns the entries of a table; undefined for any other type. */
export function encodedEntries(field: EncodedField): Record<string, EncodedField> | undefined {
  const reader = over(field);
  return reader.octet() === 'F'.charCodeAt(0) ? readEncodedTable(reader) : undefined;
}

function over({ bytes }: EncodedField): ByteReader {
  return new ByteReader(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
}
