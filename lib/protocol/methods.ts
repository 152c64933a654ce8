import type { ByteReader, ByteWriter } from './bytes.js';
import { describe } from './bytes.js';
import { EncodingError, WireError } from './errors.js';
import { readTable, writeTable, type FieldTable } from './field-table.js';
import { methods as spec, type FieldKind } from './spec.js';
import type { Method, MethodArguments, MethodName } from './types.js';

/** The cold methods: read and written by interpreting the table of the specification. */

interface Layout {
  readonly name: MethodName;
  readonly id: number;
  readonly args: readonly { readonly name: string; readonly kind: FieldKind; readonly reserved: boolean }[];
}

const byName = new Map<string, Layout>();
const byId = new Map<number, Layout>();
for (const [name, { id, args }] of Object.entries(spec)) {
  const layout: Layout = {
    name: name as MethodName,
    id: id[0] * 0x1_0000 + id[1],
    args: Object.entries(args as Record<string, FieldKind>).map(([arg, kind]) => ({
      name: arg,
      kind,
      reserved: arg.startsWith('reserved'),
    })),
  };
  byName.set(name, layout);
  byId.set(layout.id, layout);
}

/** Class and method as one number, `classId * 65536 + methodId`: the first four octets of a method frame. */
export function methodId(name: MethodName): number {
  return byName.get(name)!.id;
}

/** The name for a class and method id, where there is one. */
export function methodName(classId: number, method: number): MethodName | undefined {
  return byId.get(classId * 0x1_0000 + method)?.name;
}

/** Writes a method's payload (section 2.3.5.1). @throws EncodingError that names the argument */
export function writeMethod<N extends MethodName>(writer: ByteWriter, name: N, args: MethodArguments<N>): void {
  const layout = byName.get(name)!;
  writer.long(layout.id);
  let bits = 0;
  let bit = 0;
  for (const arg of layout.args) {
    const value = arg.reserved ? zero[arg.kind] : (args as Record<string, unknown>)[arg.name];
    if (arg.kind === 'bit') {
      if (value) bits |= 1 << bit;
      bit++;
      continue;
    }
    if (bit > 0) writer.octet(bits);
    bits = bit = 0;
    writeArgument(writer, arg.kind, value, `${arg.name} of ${name}`);
  }
  if (bit > 0) writer.octet(bits);
}

const zero: Record<FieldKind, unknown> = {
  octet: 0,
  short: 0,
  long: 0,
  longlong: 0,
  shortstr: '',
  longstr: new Uint8Array(0),
  table: {},
  bit: false,
};

const limits = { octet: 0xff, short: 0xffff, long: 0xffff_ffff, longlong: Number.MAX_SAFE_INTEGER } as const;

function writeArgument(writer: ByteWriter, kind: Exclude<FieldKind, 'bit'>, value: unknown, what: string): void {
  switch (kind) {
    case 'shortstr':
      return writer.shortstr(value as string, what);
    case 'longstr':
      // A string has a length too: it would be written as so many zeros.
      if (!(value instanceof Uint8Array)) throw new EncodingError(`${what} must be bytes, not ${describe(value)}`);
      return writer.longbytes(value);
    case 'table':
      return writeTable(writer, value as FieldTable, what);
    default:
      if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > limits[kind]) {
        const got = typeof value === 'number' ? value : describe(value);
        throw new EncodingError(`${what} must be a whole number from 0 to ${limits[kind]}, not ${got}`);
      }
      return writer[kind](value as number);
  }
}

/**
 * Reads a method's payload. Long strings are copied: the method may outlive the read buffer.
 *
 * @param exact for its tables, see `readTable`
 * @throws WireError
 */
export function readMethod(reader: ByteReader, exact = false): Method {
  const id = reader.long();
  const layout = byId.get(id);
  if (!layout) throw new WireError('COMMAND_INVALID', `unknown method ${id >>> 16}.${id & 0xffff}`);
  const args: Record<string, unknown> = {};
  let bits = 0;
  let bit = 8;
  for (const arg of layout.args) {
    if (arg.kind === 'bit') {
      if (bit === 8) {
        bits = reader.octet();
        bit = 0;
      }
      if (!arg.reserved) args[arg.name] = (bits & (1 << bit)) !== 0;
      bit++;
      continue;
    }
    bit = 8;
    const value = readArgument(reader, arg.kind, exact);
    if (!arg.reserved) args[arg.name] = value;
  }
  if (reader.remaining > 0) {
    throw new WireError('SYNTAX_ERROR', `${reader.remaining} bytes after the last argument of ${layout.name}`);
  }
  return { name: layout.name, args } as Method;
}

function readArgument(reader: ByteReader, kind: Exclude<FieldKind, 'bit'>, exact: boolean): unknown {
  switch (kind) {
    case 'longstr':
      return Uint8Array.prototype.slice.call(reader.longbytes());
    case 'table':
      return readTable(reader, 0, exact);
    default:
      return reader[kind]();
  }
}
