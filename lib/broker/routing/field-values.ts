import { TypedField, type FieldTable, type FieldValue } from '../../protocol/field-table.js';

/** Returns RabbitMQ's name for the type of a table's value, as in its reply texts. */
export function typeName(value: FieldValue): string {
  switch (typeof value) {
    case 'string':
      return 'longstr';
    case 'boolean':
      return 'bool';
    case 'number':
      if (!Number.isInteger(value)) return 'double';
      return value >= -0x8000_0000 && value <= 0x7fff_ffff ? 'signedint' : 'long';
    case 'bigint':
      return 'long';
    default:
      if (value === null || value === undefined) return 'void';
      if (value instanceof TypedField) return value.kind;
      if (value instanceof Date) return 'timestamp';
      if (value instanceof Uint8Array) return 'binary';
      return Array.isArray(value) ? 'array' : 'table';
  }
}

/** Returns true for the same type and value at any depth. */
export function sameValue(left: FieldValue, right: FieldValue): boolean {
  return canonical(left) === canonical(right);
}

/**
 * Returns a text that is the same for two values exactly if they are equal. The order of keys in tables does not count.
 */
function canonical(value: FieldValue): string {
  if (value === null || value === undefined) return 'null';
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value !== 'object') return JSON.stringify(value);
  if (value instanceof TypedField) return `${value.kind}:${value.value}`;
  if (value instanceof Date) return `date:${value.getTime()}`;
  if (value instanceof Uint8Array) return `bytes:${Buffer.from(value).toString('hex')}`;
  if (Array.isArray(value)) return `[${value.map((item: FieldValue) => canonical(item)).join()}]`;
  const table = value as FieldTable;
  const keys = Object.keys(table).sort();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical(table[key])}`).join()}}`;
}

/** Returns RabbitMQ's text for two values of an argument that should be equal. */
export function difference(received: FieldValue, current: FieldValue): string {
  if (received !== undefined && current !== undefined) {
    return `received '${erlang(received)}' but current is '${erlang(current)}'`;
  }
  const describe = (value: FieldValue): string =>
    value === undefined ? 'none' : `the value '${erlang(value)}' of type '${typeName(value)}'`;
  return `received ${describe(received)} but current is ${describe(current)}`;
}

/** Returns the value as RabbitMQ, which is written in Erlang, prints it in its reply texts. */
export function erlang(value: FieldValue): string {
  if (value === null || value === undefined) return 'undefined';
  if (value instanceof TypedField) return Number.isInteger(value.value) ? `${value.value}.0` : `${value.value}`;
  if (value instanceof Date) return `${Math.floor(value.getTime() / 1000)}`;
  if (value instanceof Uint8Array) return `<<${[...value].join()}>>`;
  if (typeof value !== 'object') return `${value}`;
  const nested = (item: FieldValue): string =>
    `${typeName(item)},${typeof item === 'string' ? `<<"${item}">>` : erlang(item)}`;
  if (Array.isArray(value)) return `[${value.map((item: FieldValue) => `{${nested(item)}}`).join()}]`;
  return `[${Object.entries(value as FieldTable).map(([key, item]) => `{<<"${key}">>,${nested(item)}}`).join()}]`; // prettier-ignore
}
