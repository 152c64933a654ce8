import { Buffer } from 'node:buffer';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ByteReader, ByteWriter } from './bytes.js';
import { EncodingError, WireError } from './errors.js';
import {
  Decimal,
  EncodedField,
  readTable,
  typed,
  writeTable,
  type FieldTable,
  type FieldValue,
  type TypedKind,
} from './field-table.js';
import { bytes, fieldTable, integerRanges } from './protocol.arbitraries.js';

function encode(table: FieldTable, path?: string): Buffer {
  const writer = new ByteWriter(16);
  writeTable(writer, table, path);
  return writer.view();
}

const decode = (encoded: Buffer): FieldTable => readTable(new ByteReader(encoded));
const roundTrip = (value: FieldValue): FieldValue => decode(encode({ value }))['value'];
/** The value's letter and bytes, behind the table's length and the key `v`. */
const wire = (value: FieldValue): string => encode({ v: value }).subarray(6).toString('hex');
const letter = (value: FieldValue): string => String.fromCharCode(encode({ v: value })[6]!);

describe('field tables', () => {
  it('are read back as they were written, and nothing but WireError when cut', () => {
    fc.assert(
      fc.property(fieldTable, fc.nat(), ({ written, read }, cut) => {
        const encoded = encode(written);
        expect(decode(encoded)).toEqual(read);
        expect(() => decode(encoded.subarray(0, cut % encoded.length))).toThrow(WireError);
      }),
      { numRuns: 300 },
    );
  });

  it('keep nothing of the buffer they are read from', () => {
    const encoded = encode({ bytes: Buffer.from('abc'), text: 'abc', list: [Buffer.from('d')] });
    const table = decode(encoded);
    encoded.fill(0xee);
    expect(table).toEqual({ bytes: Buffer.from('abc'), text: 'abc', list: [Buffer.from('d')] });
  });

  it('leave out what is undefined, and keep the place of it in an array', () => {
    // eslint-disable-next-line no-sparse-arrays
    expect(decode(encode({ a: undefined, b: [1, undefined, , 4] as FieldValue[] }))).toEqual({ b: [1, null, null, 4] });
  });

  it('hold a __proto__ key like any other', () => {
    const encoded = encode(JSON.parse('{"__proto__":{"polluted":true},"a":1}') as FieldTable);
    const table = decode(encoded);
    expect(Object.keys(table)).toEqual(['__proto__', 'a']);
    expect(Object.getPrototypeOf(table)).toBe(Object.prototype);
    expect('polluted' in table).toBe(false);
    expect(encode(table)).toEqual(encoded);
  });
});

/**
 * Letters and bytes by hand, from RabbitMQ's errata and rabbit_binary_parser: what a mistake on both sides would hide.
 */
const errata: readonly [what: string, value: FieldValue, hex: string, read?: FieldValue][] = [
  ['t true', true, '74' + '01'],
  ['t false', false, '74' + '00'],
  ['b is signed', typed('int8', -2), '62' + 'fe', -2],
  ['B is unsigned', typed('uint8', 0xfe), '42' + 'fe', 0xfe],
  ['s is a signed 16-bit integer', typed('int16', -2), '73' + 'fffe', -2],
  ['u is an unsigned 16-bit integer', typed('uint16', 0xfffe), '75' + 'fffe', 0xfffe],
  ['I is signed', -2, '49' + 'fffffffe'],
  ['i is unsigned', typed('uint32', 0xffff_fffe), '69' + 'fffffffe', 0xffff_fffe],
  ['l is signed', typed('int64', -2), '6c' + 'fffffffffffffffe', -2],
  ['L is signed, as RabbitMQ reads it', typed('long', -2), '4c' + 'fffffffffffffffe', -2],
  ['l beyond 32 bits', 2 ** 31, '6c' + '0000000080000000'],
  ['l beyond 2^53', 2n ** 53n, '6c' + '0020000000000000'],
  ['f', typed('float', 1.5), '66' + '3fc00000', 1.5],
  ['d', 0.1, '64' + '3fb999999999999a'],
  ['d of a whole number', typed('double', 1), '64' + '3ff0000000000000', 1],
  ['D', new Decimal(2, 12345), '44' + '02' + '00003039'],
  ['D', new Decimal(1, -34), '44' + '01' + 'ffffffde'],
  ['S', 'é€', '53' + '00000005' + 'c3a9e282ac'],
  ['x', Buffer.of(0, 255), '78' + '00000002' + '00ff'],
  ['T in seconds', new Date(1_700_000_000_000), '54' + '000000006553f100'],
  ['A', [true, null], '41' + '00000003' + '740156'],
  ['F', { a: true }, '46' + '00000004' + '01617401'],
  ['V', null, '56'],
];

describe('the types on the wire', () => {
  it.each(errata)('%s', (_what, value, hex, read = value) => {
    expect(wire(value)).toBe(hex);
    const size = hex.length / 2 + 2;
    const encoded = Buffer.from(size.toString(16).padStart(8, '0') + '0176' + hex, 'hex');
    expect(decode(encoded)).toEqual({ v: read });
  });

  it('S that is not UTF-8 stays bytes', () => {
    expect(decode(Buffer.from('00000008' + '0176' + '53' + '00000001' + 'ff', 'hex'))).toEqual({ v: Buffer.of(0xff) });
  });

  it.each<[string, FieldValue]>([
    ['I', 2 ** 31 - 1],
    ['I', -(2 ** 31)],
    ['l', 2 ** 31],
    ['l', -(2 ** 31) - 1],
    ['l', Number.MAX_SAFE_INTEGER],
    ['d', 2 ** 53],
    ['d', -0],
    ['d', 0.5],
    ['l', 1n],
  ])('chooses %s for %p', (expected, value) => {
    expect(letter(value)).toBe(expected);
    expect(Number(roundTrip(value))).toBe(Number(value));
  });

  it.each([2n ** 53n, 2n ** 53n + 1n, -(2n ** 53n) - 1n, 2n ** 63n - 1n, -(2n ** 63n)])(
    'loses nothing of %p',
    (value) => {
      expect(roundTrip(value)).toBe(value);
    },
  );

  it('writes a date down to its second', () => {
    expect(roundTrip(new Date(1999))).toEqual(new Date(1000));
  });

  it.each([
    [0, 5, '5'],
    [2, 12345, '123.45'],
    [3, 7, '0.007'],
    [1, -34, '-3.4'],
    [3, -7, '-0.007'],
    [0, -5, '-5'],
  ])('prints Decimal(%i, %i) as %s', (scale, value, printed) => {
    expect(String(new Decimal(scale, value))).toBe(printed);
  });
});

describe('typed() at the edges of its range', () => {
  const ranges = Object.entries(integerRanges) as [TypedKind, readonly [bigint, bigint]][];

  it.each(ranges)('%s holds its smallest and largest value, and one more names its key', (kind, [min, max]) => {
    for (const edge of [min, max]) expect(BigInt(roundTrip(typed(kind, edge)) as bigint)).toBe(edge);
    for (const beyond of [min - 1n, max + 1n]) {
      expect(() => encode({ order: { lines: [typed(kind, beyond)] } }, 'headers')).toThrow(EncodingError);
      expect(() => encode({ order: { lines: [typed(kind, beyond)] } }, 'headers')).toThrow(
        /^headers\.order\.lines\[0\] /,
      );
    }
  });

  it.each(ranges)('%s takes whole numbers only', (kind) => {
    for (const value of [0.5, NaN, Infinity, '5', undefined, null, Symbol('5')]) {
      expect(() => encode({ a: typed(kind, value as number) })).toThrow(EncodingError);
    }
  });

  it.each<TypedKind>(['float', 'double'])('%s takes finite numbers only', (kind) => {
    for (const value of [NaN, Infinity, -Infinity, 10n ** 400n, '5', undefined, Symbol('5')]) {
      expect(() => encode({ a: typed(kind, value as number) })).toThrow(EncodingError);
    }
  });

  it('float refuses what only a double holds', () => {
    expect(() => encode({ a: typed('float', 1e39) })).toThrow(new EncodingError('table.a does not fit a float'));
    expect(roundTrip(typed('double', 1e39))).toBe(1e39);
  });

  it('names a kind that there is not', () => {
    expect(() => encode({ a: typed('int24' as TypedKind, 1) })).toThrow(EncodingError);
    expect(() => encode({ a: typed('toString' as TypedKind, 1) })).toThrow(/table\.a/);
  });
});

class Order {
  id = 1;
}

describe('what a table cannot hold', () => {
  it.each<[string, unknown]>([
    ['a function', () => 1],
    ['a symbol', Symbol('s')],
    ['a Map', new Map()],
    ['a Set', new Set()],
    ['an instance', new Order()],
    ['other typed arrays', new Uint16Array(1)],
    ['a boxed string', new String('a')],
    ['NaN', NaN],
    ['Infinity', Infinity],
    ['-Infinity', -Infinity],
    ['a bigint over 64 bits', 2n ** 63n],
    ['a date before 1970', new Date(-1)],
    ['an invalid date', new Date(NaN)],
    ['a negative scale', new Decimal(-1, 1)],
    ['a decimal over 32 bits', new Decimal(0, 2 ** 31)],
    ['a decimal below 32 bits', new Decimal(0, -(2 ** 31) - 1)],
    ['a fractional decimal', new Decimal(0, 0.5)],
    ['a lone surrogate', 'a\ud800'],
    ['a lone surrogate in a key', { '\udc00': 1 }],
    ['a key over 255 bytes', { ['é'.repeat(128)]: 1 }],
  ])('%s names its key path', (_what, value) => {
    const table = { order: { lines: [1, value] } } as FieldTable;
    expect(() => encode(table, 'headers')).toThrow(EncodingError);
    expect(() => encode(table, 'headers')).toThrow(/headers\.order\.lines\[1\]/);
  });

  it.each<[string, unknown]>([
    ['null', null],
    ['an array', [1]],
    ['a string', 'a'],
    ['a Map', new Map([['a', 1]])],
    ['bytes', Buffer.from('a')],
    ['a Date', new Date()],
    ['an instance', new Order()],
  ])('%s is no table', (_what, table) => {
    expect(() => encode(table as FieldTable, 'headers')).toThrow(EncodingError);
    expect(() => encode(table as FieldTable, 'headers')).toThrow(/^headers /);
  });

  it.each([
    ['an unknown type', Buffer.from('zzz')],
    ['nothing', Buffer.alloc(0)],
    ['a cut value', Buffer.of(0x49, 0)],
    ['more than a value', Buffer.of(0x74, 1, 1)],
    ['no bytes', 'I' as unknown as Uint8Array],
  ])('an EncodedField with %s', (_, bytes) => {
    expect(() => encode({ deep: { field: new EncodedField(bytes) } }, 'headers')).toThrow(
      new EncodingError('headers.deep.field is an EncodedField whose bytes are no encoded field'),
    );
  });

  it('a cyclic object or array', () => {
    const table: FieldTable = { list: [] };
    table['self'] = table;
    expect(() => encode({ a: table })).toThrow(/^table\.a\.self\.self.* is it cyclic\?$/);
    const list: FieldValue[] = [];
    list.push(list);
    expect(() => encode({ list })).toThrow(/^table\.list\[0\]\[0\].* is it cyclic\?$/);
  });
});

const nest = (depth: number, make: (inner: FieldValue) => FieldValue): FieldValue => {
  let value: FieldValue = 1;
  for (let level = 0; level < depth; level++) value = make(value);
  return value;
};

/** `depth` values around each other; `level` is the letter and what stands behind its size. */
function nested(depth: number, level: (inner: Buffer) => Buffer): Buffer {
  let value: Buffer = Buffer.from('V');
  for (let at = 0; at < depth; at++) value = level(value);
  return sized(Buffer.concat([Buffer.from('\x01v'), value]));
}

function sized(content: Buffer): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32BE(content.length);
  return Buffer.concat([size, content]);
}

const hostile: readonly [string, (inner: FieldValue) => FieldValue, (inner: Buffer) => Buffer][] = [
  ['tables', (v) => ({ v }), (v) => Buffer.concat([Buffer.from('F'), sized(Buffer.concat([Buffer.from('\x01v'), v]))])],
  ['arrays', (v) => [v], (v) => Buffer.concat([Buffer.from('A'), sized(v)])],
];

describe('hostile input', () => {
  it.each(hostile)('reads %s as deep as it writes them, and no deeper', (_what, make, level) => {
    const deepest = nest(64, make);
    expect(roundTrip(deepest)).toEqual(deepest);
    expect(() => encode({ v: nest(65, make) })).toThrow(EncodingError);
    expect(() => decode(nested(64, level))).not.toThrow();
    expect(() => decode(nested(65, level))).toThrow(WireError);
    expect(() => decode(nested(5000, level))).toThrow(WireError);
  });

  it.each([
    ['an unknown type', '00000003' + '0176' + '5a'],
    ['a table longer than its buffer', 'ffffffff' + '0176' + '56'],
    ['a string longer than its table', '0000000b' + '0176' + '53' + 'ffffffff' + '61626364'],
    ['a string that ends in the next table', '00000008' + '0176' + '53' + '00000002' + '61' + '62'],
    ['an array longer than its table', '00000007' + '0176' + '41' + '7fffffff' + '56'],
    ['a key without a value', '00000002' + '0176'],
  ])('%s is a SYNTAX_ERROR', (_what, hex) => {
    expect(() => decode(Buffer.from(hex, 'hex'))).toThrow(
      expect.objectContaining({ name: 'WireError', replyName: 'SYNTAX_ERROR' }),
    );
  });

  it('random bytes, and tables with some bytes changed, are a table or a WireError', () => {
    const mutated = fc
      .tuple(fieldTable, fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 }))
      .map(([{ written }, changes]) => {
        const encoded = encode(written);
        for (const [at, octet] of changes) encoded[at % encoded.length] = octet;
        return encoded;
      });
    fc.assert(
      fc.property(fc.oneof(bytes(64).map(sized), bytes(64), mutated), (input) => {
        try {
          decode(input);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
