import { Buffer } from 'node:buffer';
import fc, { type Arbitrary } from 'fast-check';
import { Decimal, typed, type FieldTable, type FieldValue } from './field-table.js';
import { methods as spec, properties as propertySpec, type FieldKind } from './spec.js';
import type {
  Method,
  MethodArguments,
  MethodName,
  MessageProperties,
  OutgoingMessage,
  OutgoingProperties,
} from './types.js';

/** Valid inputs for the property tests of lib/protocol. Not part of the build. */

/** A value to write, and the value that is read back for it. */
export interface Given<T> {
  readonly written: T;
  readonly read: T;
}

const text = (maxLength: number): Arbitrary<string> => fc.string({ unit: 'binary', maxLength });

/** Up to 255 bytes of UTF-8, the edge included. */
export const shortstr: Arbitrary<string> = fc.oneof(
  { weight: 8, arbitrary: text(63) },
  { weight: 1, arbitrary: fc.constantFrom('', 'a'.repeat(255), `${'é'.repeat(127)}a`, `${'🐇'.repeat(63)}abc`) },
);

export const bytes = (maxLength = 40): Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));

/** `size` bytes that differ from those of another seed, and from each other: a misplaced one shows. */
export function patternedBody(size: number, seed: number): Buffer {
  const body = Buffer.allocUnsafe(size);
  for (let at = 0; at < size; at++) body[at] = (at * 31 + (at >>> 8) * 17 + seed) & 0xff;
  return body;
}

const uint = (bits: 8 | 16 | 32): Arbitrary<number> => edged(0, 2 ** bits - 1);
const edged = (min: number, max: number): Arbitrary<number> =>
  fc.oneof(fc.constantFrom(min, max), fc.integer({ min, max }));
const longlong = edged(0, Number.MAX_SAFE_INTEGER);

const same = <T extends FieldValue>(value: T): Given<FieldValue> => ({ written: value, read: value });
const int64 = (value: bigint): number | bigint => (Number.isSafeInteger(Number(value)) ? Number(value) : value);

/** Dates that AMQP can hold: whole seconds from 1970 on. */
export const timestamp: Arbitrary<Date> = fc
  .integer({ min: 0, max: 8.64e12 })
  .map((seconds) => new Date(seconds * 1000));

/** Ranges of the integer types, as the errata has them. */
export const integerRanges = {
  int8: [-(2n ** 7n), 2n ** 7n - 1n],
  uint8: [0n, 2n ** 8n - 1n],
  int16: [-(2n ** 15n), 2n ** 15n - 1n],
  uint16: [0n, 2n ** 16n - 1n],
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  long: [-(2n ** 63n), 2n ** 63n - 1n],
} as const;

const typedInteger = fc.constantFrom(...Object.entries(integerRanges)).chain(([kind, [min, max]]) =>
  fc.oneof(fc.constantFrom(min, max), fc.bigInt({ min, max })).map((value) => ({
    written: typed(kind as keyof typeof integerRanges, int64(value)),
    read: int64(value),
  })),
);

const scalar: Arbitrary<Given<FieldValue>> = fc.oneof(
  text(300).map(same),
  fc.boolean().map(same),
  fc.constant(null).map(same),
  fc.maxSafeInteger().map(same),
  edged(-(2 ** 31) - 1, 2 ** 31).map(same),
  fc.double({ noDefaultInfinity: true, noNaN: true }).map(same),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => ({ written: value, read: int64(value) })),
  typedInteger,
  fc.float({ noDefaultInfinity: true, noNaN: true }).map((value) => ({ written: typed('float', value), read: value })),
  fc.maxSafeInteger().map((value) => ({ written: typed('double', value), read: value })),
  timestamp.map(same),
  bytes(300).map(same),
  fc.tuple(uint(8), edged(-(2 ** 31), 2 ** 31 - 1)).map(([scale, value]) => same(new Decimal(scale, value))),
);

const key = fc.oneof(
  { weight: 5, arbitrary: shortstr },
  { weight: 1, arbitrary: fc.constantFrom('__proto__', 'constructor', 'toString', 'length') },
);

const { table } = fc.letrec<{ value: Given<FieldValue>; table: Given<FieldTable> }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthIdentifier: 'field' },
    { weight: 6, arbitrary: scalar },
    {
      weight: 1,
      arbitrary: fc
        .array(tie('value'), { maxLength: 5, depthIdentifier: 'field' })
        .map((items) => ({ written: items.map((item) => item.written), read: items.map((item) => item.read) })),
    },
    { weight: 1, arbitrary: tie('table') },
  ),
  table: fc
    .uniqueArray(fc.tuple(key, tie('value')), { maxLength: 6, selector: ([name]) => name, depthIdentifier: 'field' })
    .map((entries) => ({
      written: Object.fromEntries(entries.map(([name, value]) => [name, value.written])),
      read: Object.fromEntries(entries.map(([name, value]) => [name, value.read])),
    })),
}));

export const fieldTable: Arbitrary<Given<FieldTable>> = table;
const plainTable: Arbitrary<FieldTable> = table.map(({ read }) => read);

const kinds: Record<FieldKind, Arbitrary<unknown>> = {
  octet: uint(8),
  short: uint(16),
  long: uint(32),
  longlong,
  shortstr,
  longstr: bytes(300),
  table: plainTable,
  bit: fc.boolean(),
};

export const methodNames = Object.keys(spec) as MethodName[];

/** The arguments of one method, without the reserved ones. */
export function argumentsOf<N extends MethodName>(name: N): Arbitrary<MethodArguments<N>> {
  const entries = Object.entries(spec[name].args as Record<string, FieldKind>);
  const own = entries.filter(([arg]) => !arg.startsWith('reserved'));
  const record = fc.record(Object.fromEntries(own.map(([arg, kind]) => [arg, kinds[kind]])));
  return record as unknown as Arbitrary<MethodArguments<N>>;
}

export const method = (names: readonly MethodName[] = methodNames): Arbitrary<Method> =>
  fc.constantFrom(...names).chain((name) => argumentsOf(name).map((args) => ({ name, args }) as unknown as Method));

const propertyKinds = { shortstr, octet: uint(8), table: plainTable, timestamp } as const;

/** Any of the fourteen properties, each there or not. */
export const messageProperties: Arbitrary<MessageProperties> = fc.record(
  Object.fromEntries(Object.entries(propertySpec).map(([name, kind]) => [name, propertyKinds[kind]])),
  { requiredKeys: [] },
) as unknown as Arbitrary<MessageProperties>;

/** A whole split into chunks, at any places. */
export const cuts: Arbitrary<(whole: Buffer) => Buffer[]> = fc
  .array(fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 9000 })), { minLength: 1, maxLength: 40 })
  .map((sizes) => (whole: Buffer) => {
    const chunks: Buffer[] = [];
    for (let at = 0, turn = 0; at < whole.length; turn++) {
      const size = sizes[turn % sizes.length]!;
      chunks.push(whole.subarray(at, at + size));
      at += size;
    }
    return chunks;
  });

/** A message to publish. */
export function outgoing(
  exchange: string,
  routingKey: string,
  mandatory: boolean,
  properties: OutgoingProperties,
  body: Uint8Array,
): OutgoingMessage {
  return { exchange, routingKey, mandatory, properties, body };
}
