import { Buffer, isUtf8 } from 'node:buffer';
import { ByteReader, describeWithArticle, type ByteWriter } from './bytes.js';
import { EncodingError, WireError } from './errors.js';
import { DistantDate, readTimestamp, writeTimestamp } from './timestamp.js';

/**
 * Field tables (section 4.2.5.5) with RabbitMQ's errata: `b` is signed and `B` unsigned, `s` is a 16-bit integer and
 * `l` a signed 64-bit one (https://www.rabbitmq.com/amqp-0-9-1-errata).
 */
export interface FieldTable {
  [key: string]: FieldValue;
}

/**
 * The values of a field table. A key whose value is `undefined` is left out.
 *
 * Written: string `S`, boolean `t`, whole number `I` (32 bits) or `l` (up to 2^53), other number `d`, bigint `l`,
 * Date `T` (whole seconds), bytes `x`, `Decimal` `D`, array `A`, object `F`, null `V`. `typed()` forces another type.
 *
 * Read: the same. 64-bit integers are numbers up to 2^53 and bigints beyond; a string that is not UTF-8 stays bytes; a
 * timestamp that no Date can hold is a `DistantDate`.
 */
export type FieldValue =
  | string
  | boolean
  | number
  | bigint
  | Date
  | Uint8Array
  | Decimal
  | TypedField
  | EncodedField
  | readonly FieldValue[]
  | FieldTable
  | null
  | undefined;

/**
 * A decimal: `value` / 10^`scale`, scale up to 255, value a signed 32-bit integer. The specification says that it is unsigned
 * in one place and signed in another; Java, Go and .NET write and read it signed.
 *
 * @example
 * ```ts
 * const price = new Decimal(2, 4_990); // 49.90
 * await channel.publish('orders', 'order.created', body, { headers: { price } });
 * ```
 */
export class Decimal {
  constructor(
    readonly scale: number,
    readonly value: number,
  ) {}

  /** Returns the number in decimal digits, such as `49.90`. */
  toString(): string {
    const digits = String(Math.abs(this.value)).padStart(this.scale + 1, '0');
    const point = digits.length - this.scale;
    const sign = this.value < 0 ? '-' : '';
    return this.scale === 0 ? `${sign}${digits}` : `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
  }
}

/** The integer and float types by name, with their letter on the wire. */
const typedKinds = {
  int8: 'b',
  uint8: 'B',
  int16: 's',
  uint16: 'u',
  int32: 'I',
  uint32: 'i',
  int64: 'l',
  long: 'L',
  float: 'f',
  double: 'd',
} as const;

/** Names of the number types of field tables, for {@link typed} (https://www.rabbitmq.com/amqp-0-9-1-errata). */
export type TypedKind = keyof typeof typedKinds;

/** A number with its type on the wire; made by `typed()`. */
export class TypedField {
  constructor(
    readonly kind: TypedKind,
    readonly value: number | bigint,
  ) {}
}

/** A value in its encoded form, with its type. It is written unchanged. See `Delivery.encodedHeaders`. */
export class EncodedField {
  constructor(
    /** Its type's letter and its bytes. */
    readonly bytes: Uint8Array,
  ) {}
}

/**
 * Sets the type of a number on the wire. The range is checked when the number is written: a number out of range is an
 * `EncodingError`.
 *
 * @example
 * ```ts
 * await channel.queueDeclare('jobs', { arguments: { 'x-max-priority': typed('uint8', 5) } });
 * ```
 */
export function typed(kind: TypedKind, value: number | bigint): TypedField {
  return new TypedField(kind, value);
}

/** Deeper tables than any real one: a limit to what a hostile peer, or a cyclic object, can make us recurse. */
const MAX_DEPTH = 64;
const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/** @throws EncodingError that names the path of the key, `headers.order.lines[2]` */
export function writeTable(writer: ByteWriter, table: FieldTable, path = 'table', depth = 0): void {
  // A Map or a Date has no keys of its own: it would arrive as an empty table, its content lost without a word.
  if (!isPlainObject(table)) {
    throw new EncodingError(
      `${path} is ${describeWithArticle(table)}, which a field table cannot hold; it takes a plain object`,
    );
  }
  if (depth > MAX_DEPTH) throw new EncodingError(`${path} is nested deeper than ${MAX_DEPTH}: is it cyclic?`);
  writer.sized(() => {
    for (const key of Object.keys(table)) {
      const value = table[key];
      if (value === undefined) continue;
      writer.messageShortstr(key, `a key of ${path}`);
      writeValue(writer, value, `${path}.${key}`, depth);
    }
  });
}

function writeValue(writer: ByteWriter, value: FieldValue, path: string, depth: number): void {
  switch (typeof value) {
    case 'string':
      letter(writer, 'S');
      return writer.longstr(value, path);
    case 'boolean':
      letter(writer, 't');
      return writer.octet(value ? 1 : 0);
    case 'number':
      return writeNumber(writer, numberKind(value, path), value, path);
    case 'bigint':
      return writeNumber(writer, 'int64', value, path);
    case 'object':
      return writeObject(writer, value, path, depth);
    default:
      throw new EncodingError(`${path} is a ${typeof value}, which a field table cannot hold`);
  }
}

function writeObject(writer: ByteWriter, value: object | null, path: string, depth: number): void {
  if (value === null) return letter(writer, 'V');
  if (value instanceof Date) {
    letter(writer, 'T');
    return writeTimestamp(writer, value, path);
  }
  if (value instanceof Uint8Array) {
    letter(writer, 'x');
    return writer.longbytes(value);
  }
  if (value instanceof EncodedField) return writer.bytes(checkedField(value, path));
  if (value instanceof TypedField) return writeNumber(writer, value.kind, value.value, path);
  if (value instanceof Decimal) {
    inRange(value.scale, 0, 0xff, `${path}.scale`);
    const unscaled = inRange(value.value, -0x8000_0000, 0x7fff_ffff, `${path}.value`);
    letter(writer, 'D');
    writer.octet(value.scale);
    return writer.long(unscaled >>> 0);
  }
  if (Array.isArray(value)) {
    if (depth >= MAX_DEPTH) throw new EncodingError(`${path} is nested deeper than ${MAX_DEPTH}: is it cyclic?`);
    letter(writer, 'A');
    return writer.sized(() => {
      // Not forEach: it passes over the holes of a sparse array, and what follows would move up.
      for (let index = 0; index < value.length; index++) {
        const item = value[index] as FieldValue;
        writeValue(writer, item === undefined ? null : item, `${path}[${index}]`, depth + 1);
      }
    });
  }
  letter(writer, 'F');
  writeTable(writer, value as FieldTable, path, depth + 1);
}

/**
 * Copies a table with the tables, arrays, bytes and Dates in it, so that later changes to them do not matter. A table that cannot
 * be written is returned as it is: `writeTable` tells why.
 */
export function copyTable(table: FieldTable): FieldTable {
  try {
    return copyValue(table, 0) as FieldTable;
  } catch {
    return table;
  }
}

function copyValue(value: FieldValue, depth: number): FieldValue {
  if (depth > MAX_DEPTH) throw new EncodingError(`a table is nested deeper than ${MAX_DEPTH}`);
  if (value instanceof Uint8Array) return Buffer.from(value);
  if (value instanceof Date && !(value instanceof DistantDate)) return new Date(value.getTime());
  if (Array.isArray(value)) return Array.from(value as FieldValue[], (item) => copyValue(item, depth + 1));
  if (!isPlainObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value as FieldTable).map(([key, item]) => [key, copyValue(item, depth + 1)]),
  );
}

/** Anybody can make one: RabbitMQ closes the connection for bytes that are no field. @throws EncodingError */
function checkedField({ bytes }: EncodedField, path: string): Uint8Array {
  try {
    const reader = new ByteReader(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    readField(reader);
    if (reader.remaining === 0) return bytes;
  } catch {
    // Told below.
  }
  throw new EncodingError(`${path} is an EncodedField whose bytes are no encoded field`);
}

/** A table without a key: it has but one form on the wire. */
export function isEmptyTable(value: unknown): boolean {
  if (!isPlainObject(value)) return false;
  for (const _ in value as object) return false;
  return true;
}

/** Without a prototype, or with an `Object.prototype`: this realm's or another's. */
export function isPlainObject(value: unknown): boolean {
  if (value === null || typeof value !== 'object') return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
}

function numberKind(value: number, path: string): TypedKind {
  // Erlang, and so RabbitMQ, has no such floats: it would close the connection.
  if (!Number.isFinite(value)) throw new EncodingError(`${path} is ${value}, which AMQP peers cannot read`);
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) return 'double';
  return value >= -0x8000_0000 && value <= 0x7fff_ffff ? 'int32' : 'int64';
}

function writeNumber(writer: ByteWriter, kind: TypedKind, value: number | bigint, path: string): void {
  if (!Object.hasOwn(typedKinds, kind)) {
    throw new EncodingError(`${path} has an unknown type; typed() knows ${Object.keys(typedKinds).join(', ')}`);
  }
  letter(writer, typedKinds[kind]);
  switch (kind) {
    case 'int8':
      return writer.octet(inRange(value, -0x80, 0x7f, path) & 0xff);
    case 'uint8':
      return writer.octet(inRange(value, 0, 0xff, path));
    case 'int16':
      return writer.short(inRange(value, -0x8000, 0x7fff, path) & 0xffff);
    case 'uint16':
      return writer.short(inRange(value, 0, 0xffff, path));
    case 'int32':
      return writer.long(inRange(value, -0x8000_0000, 0x7fff_ffff, path) >>> 0);
    case 'uint32':
      return writer.long(inRange(value, 0, 0xffff_ffff, path));
    case 'int64':
    case 'long':
      return writer.int64(toInt64(value, path));
    case 'float':
    case 'double': {
      const number = isNumeric(value) ? Number(value) : NaN;
      const written = kind === 'float' ? Math.fround(number) : number;
      if (!Number.isFinite(written)) throw new EncodingError(`${path} does not fit a ${kind}`);
      return kind === 'float' ? writer.float(number) : writer.double(number);
    }
  }
}

function inRange(value: number | bigint, min: number, max: number, path: string): number {
  const number = isNumeric(value) ? Number(value) : NaN;
  if (!Number.isInteger(number) || number < min || number > max) {
    throw new EncodingError(`${path} must be a whole number from ${min} to ${max}`);
  }
  return number;
}

/** `Number()` alone would take '5', null and true, and throw a TypeError of its own at a symbol. */
function isNumeric(value: unknown): boolean {
  return typeof value === 'number' || typeof value === 'bigint';
}

function toInt64(value: number | bigint, path: string): bigint {
  if (typeof value !== 'bigint' && !Number.isInteger(value)) {
    throw new EncodingError(`${path} must be a whole number`);
  }
  const integer = BigInt(value);
  if (integer < INT64_MIN || integer > INT64_MAX) throw new EncodingError(`${path} does not fit 64 bits`);
  return integer;
}

function letter(writer: ByteWriter, type: string): void {
  writer.octet(type.charCodeAt(0));
}

/**
 * @param exact floats, and doubles that are whole, stay what they are by being a `TypedField`: as numbers they would be
 *   integers when they are written again, or compared
 * @throws WireError (SYNTAX_ERROR) when it is truncated, nested too deep, or has an unknown type
 */
export function readTable(reader: ByteReader, depth = 0, exact = false): FieldTable {
  if (depth > MAX_DEPTH) throw new WireError('SYNTAX_ERROR', `field table nested deeper than ${MAX_DEPTH}`);
  const table: FieldTable = {};
  reader.within(reader.long(), () => {
    const key = reader.shortstr();
    const value = readField(reader, depth, exact);
    // A plain assignment of `__proto__` would set the prototype instead of a key.
    if (key === '__proto__')
      Object.defineProperty(table, key, { value, enumerable: true, configurable: true, writable: true });
    else table[key] = value;
  });
  return table;
}

/** The table's keys, with values that are written as they came. @throws WireError */
export function readEncodedTable(reader: ByteReader): Record<string, EncodedField> {
  const table: Record<string, EncodedField> = {};
  reader.within(reader.long(), () => {
    const key = reader.shortstr();
    const value = new EncodedField(reader.copyOf(() => readField(reader)));
    Object.defineProperty(table, key, { value, enumerable: true, configurable: true, writable: true });
  });
  return table;
}

/** A value with its type's letter before it. @throws WireError */
export function readField(reader: ByteReader, depth = 0, exact = false): FieldValue {
  const type = String.fromCharCode(reader.octet());
  switch (type) {
    case 't':
      return reader.octet() !== 0;
    case 'b':
      return reader.int8();
    case 'B':
      return reader.octet();
    case 's':
      return reader.int16();
    case 'u':
      return reader.short();
    case 'I':
      return reader.int32();
    case 'i':
      return reader.long();
    case 'l':
    case 'L':
      return safeInteger(reader.int64());
    case 'f':
      return exact ? typed('float', reader.float()) : reader.float();
    case 'd':
      return readDouble(reader, exact);
    case 'D':
      return new Decimal(reader.octet(), reader.int32());
    case 'S': {
      const bytes = reader.longbytes();
      return isUtf8(bytes) ? bytes.toString() : Buffer.from(bytes);
    }
    case 'x':
      return Buffer.from(reader.longbytes());
    case 'T':
      return readTimestamp(reader);
    case 'F':
      return readTable(reader, depth + 1, exact);
    case 'A': {
      if (depth >= MAX_DEPTH) throw new WireError('SYNTAX_ERROR', `field array nested deeper than ${MAX_DEPTH}`);
      const items: FieldValue[] = [];
      reader.within(reader.long(), () => items.push(readField(reader, depth + 1, exact)));
      return items;
    }
    case 'V':
      return null;
    default:
      throw new WireError('SYNTAX_ERROR', `unknown field type 0x${type.charCodeAt(0).toString(16)} in a table`);
  }
}

function readDouble(reader: ByteReader, exact: boolean): FieldValue {
  const value = reader.double();
  return exact && Number.isInteger(value) ? typed('double', value) : value;
}

function safeInteger(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
