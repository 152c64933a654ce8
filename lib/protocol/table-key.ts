import { ByteWriter } from './bytes.js';
import { writeTable, type FieldTable } from './field-table.js';

/** Most tables of arguments are shorter; the buffer grows for others. */
const USUAL_SIZE = 64;

/**
 * Returns a text that is the same for two tables exactly if RabbitMQ takes them for the same arguments of a binding:
 * they have the same keys with the same values on the wire. The order of the keys counts only in tables within the table.
 *
 * @throws EncodingError for a table that cannot be written
 */
export function tableKey(table: FieldTable): string {
  const writer = new ByteWriter(USUAL_SIZE);
  const inOrder = Object.entries(table).sort(([a], [b]) => (a < b ? -1 : 1));
  writeTable(writer, Object.fromEntries(inOrder), 'arguments');
  return writer.view().toString('latin1');
}
