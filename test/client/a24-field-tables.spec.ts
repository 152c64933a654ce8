import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  Decimal,
  EncodingError,
  typed,
  type Channel,
  type FieldTable,
  type FieldValue,
  type TypedKind,
} from '../../lib/client/index.js';
import { ByteReader, ByteWriter } from '../../lib/protocol/bytes.js';
import { readTable, writeTable } from '../../lib/protocol/field-table.js';
import { errorOf, useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';

function encode(table: FieldTable): Buffer {
  const writer = new ByteWriter();
  writeTable(writer, table, 'headers');
  return Buffer.from(writer.view());
}

function decode(bytes: Buffer): FieldTable {
  const reader = new ByteReader(bytes);
  const table = readTable(reader);
  expect(reader.remaining).toBe(0);
  return table;
}

/** Every type of the wire with its bytes, by the specification with RabbitMQ's errata. */
const TYPES: readonly (readonly [letter: string, written: FieldValue, hex: string, read: unknown])[] = [
  ['t', true, '01', true],
  ['t', false, '00', false],
  ['b', typed('int8', -128), '80', -128],
  ['B', typed('uint8', 200), 'c8', 200],
  ['s', typed('int16', -2), 'fffe', -2],
  ['u', typed('uint16', 0xfffe), 'fffe', 0xfffe],
  ['I', -5, 'fffffffb', -5],
  ['I', typed('int32', 7), '00000007', 7],
  ['i', typed('uint32', 0xffff_fffb), 'fffffffb', 0xffff_fffb],
  ['l', -1n, 'ffffffffffffffff', -1],
  ['l', 2 ** 40, '0000010000000000', 2 ** 40],
  ['l', -(2n ** 63n), '8000000000000000', -(2n ** 63n)],
  ['l', 2n ** 63n - 1n, '7fffffffffffffff', 2n ** 63n - 1n],
  ['l', BigInt(Number.MAX_SAFE_INTEGER), '001fffffffffffff', Number.MAX_SAFE_INTEGER],
  ['l', 2n ** 53n, '0020000000000000', 2n ** 53n],
  ['f', typed('float', 1.5), '3fc00000', 1.5],
  ['d', 0.1, '3fb999999999999a', 0.1],
  ['d', typed('double', 3), '4008000000000000', 3],
  ['d', 1e300, '7e37e43c8800759c', 1e300],
  ['D', new Decimal(2, 314), '020000013a', new Decimal(2, 314)],
  ['S', 'Grüße', '00000007477 2c3bcc39f65'.replace(' ', ''), 'Grüße'],
  ['x', Buffer.of(1, 2, 255), '000000030102ff', Buffer.of(1, 2, 255)],
  ['A', [1, 'a', [null]], '000000114900000001530000000161410000000156', [1, 'a', [null]]],
  ['T', new Date(1_700_000_000_999), '000000006553f100', new Date(1_700_000_000_000)],
  ['F', { k: true }, '00000004016b7401', { k: true }],
  ['V', null, '', null],
];

describe('A24 field tables', () => {
  it.each(TYPES)('A24 type %s: %p', (letter, written, hex, read) => {
    const bytes = encode({ k: written });
    expect(bytes.subarray(4, 7).toString('latin1')).toBe(`\x01k${letter}`);
    expect(bytes.subarray(7).toString('hex')).toBe(hex);
    expect(decode(bytes)).toEqual({ k: read });
  });

  it('A24 type L is read, and written when forced', () => {
    const bytes = encode({ k: typed('long', -9n) });
    expect(bytes.subarray(4).toString('hex')).toBe('016b4cfffffffffffffff7');
    expect(decode(bytes)).toEqual({ k: -9 });
  });

  it('A24 a long string that is not UTF-8 stays bytes', () => {
    const bytes = Buffer.from('00000009016b53000000 02fffe'.replace(' ', ''), 'hex');
    expect(decode(bytes)).toEqual({ k: Buffer.of(0xff, 0xfe) });
  });

  it('A24 every written value is read back, property by property', () => {
    const { value } = fc.letrec<{ value: FieldValue; table: FieldTable }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.string({ unit: 'grapheme' }),
        fc.boolean(),
        fc.integer(),
        fc.maxSafeInteger(),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        fc.integer({ min: 0, max: 4_000_000_000 }).map((seconds) => new Date(seconds * 1000)),
        fc.uint8Array().map((bytes) => Buffer.from(bytes)),
        fc.tuple(fc.nat(255), fc.integer()).map(([s, v]) => new Decimal(s, v)),
        fc.constant(null),
        fc.array(tie('value'), { maxLength: 5 }),
        tie('table'),
      ),
      table: fc.dictionary(fc.string({ maxLength: 40 }), tie('value'), { maxKeys: 5 }),
    }));
    const normal = (read: unknown): unknown => {
      if (typeof read === 'bigint' && Number.isSafeInteger(Number(read))) return Number(read);
      if (Array.isArray(read)) return read.map(normal);
      if (read !== null && typeof read === 'object' && [Object.prototype, null].includes(Object.getPrototypeOf(read))) {
        return Object.fromEntries(Object.entries(read).map(([key, item]) => [key, normal(item)]));
      }
      return read;
    };
    fc.assert(
      fc.property(value, (written) => {
        expect(decode(encode({ k: written }))).toEqual({ k: normal(written) });
      }),
      { numRuns: 500 },
    );
  });

  it('A24 a key __proto__ is an ordinary key, and pollutes no prototype', () => {
    const table = decode(encode(JSON.parse('{"__proto__":{"polluted":1}}') as FieldTable));
    expect(Object.keys(table)).toEqual(['__proto__']);
    expect((table as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it.each<readonly [string, unknown, RegExp]>([
    ['a function', { order: { lines: [1, { price: () => 1 }] } }, /^headers\.order\.lines\[1\]\.price /],
    ['a symbol', { a: [Symbol('s')] }, /^headers\.a\[0\] is a symbol/],
    ['an array as the table', [] as never, /^headers is an Array, which a field table cannot hold/],
    ['a Map', { a: new Map() }, /^headers\.a is a Map/],
    ['an instance', { a: { b: new URL('amqp://secret') } }, /^headers\.a\.b is a URL/],
    ['NaN', { a: NaN }, /^headers\.a is NaN/],
    ['an infinity', { a: [-Infinity] }, /^headers\.a\[0\] is -Infinity/],
    ['an integer over 64 bits', { a: 2n ** 63n }, /^headers\.a does not fit 64 bits/],
    ['an int8 of 128', { a: typed('int8', 128) }, /^headers\.a must be a whole number from -128 to 127/],
    ['a negative uint16', { a: typed('uint16', -1) }, /^headers\.a must be a whole number from 0 to 65535/],
    ['half a uint32', { a: typed('uint32', 0.5) }, /^headers\.a must be a whole number/],
    ['too large a float', { a: typed('float', 1e39) }, /^headers\.a does not fit a float/],
    ['an unknown kind', { a: typed('int7' as TypedKind, 1) }, /^headers\.a/],
    ['a text as int64', { a: typed('int64', 'x' as unknown as bigint) }, /^headers\.a must be a whole number/],
    ['a Date before 1970', { a: new Date(-1) }, /^headers\.a must be a Date/],
    ['no Date', { a: new Date(NaN) }, /^headers\.a must be a Date/],
    ['a lone surrogate', { a: { b: 'x\ud800' } }, /^headers\.a\.b has a lone surrogate/],
    ['a key of 300 bytes', { a: { ['k'.repeat(300)]: 1 } }, /^a key of headers\.a has 300 bytes/],
    ['a decimal of scale 256', { a: new Decimal(256, 1) }, /^headers\.a\.scale/],
    ['a decimal below 32 bits', { a: new Decimal(0, -(2 ** 31) - 1) }, /^headers\.a\.value/],
    ['a decimal over 31 bits and a sign', { a: new Decimal(0, 2 ** 31) }, /^headers\.a\.value/],
  ])('A24 %s is refused with its key path', (_, table, message) => {
    const attempt = (): Buffer => encode(table as FieldTable);
    expect(attempt).toThrow(EncodingError);
    expect(attempt).toThrow(message);
  });

  it('A24 a cyclic table is refused', () => {
    const cyclic: Record<string, unknown> = {};
    cyclic['self'] = { again: [cyclic] };
    expect(() => encode(cyclic as FieldTable)).toThrow(/nested deeper than 64: is it cyclic/);
  });
});

describe('A24 field tables through a real broker', () => {
  const harness = useClientHarness();

  const everything: FieldTable = {
    ...Object.fromEntries(TYPES.map(([, written], index) => [`k${index}`, written])),
    nested: { table: { list: [typed('uint8', 255), { deep: 2n ** 60n }, []] }, empty: {} },
  };
  const expected = {
    ...Object.fromEntries(TYPES.map(([, , , read], index) => [`k${index}`, read])),
    nested: { table: { list: [255, { deep: 2n ** 60n }, []] }, empty: {} },
  };

  async function queueFor(channel: Channel, options = {}): Promise<string> {
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true, ...options });
    return queue;
  }

  it('A24 headers that the broker passes on unchanged', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const queue = await queueFor(channel);
    await channel.publish('', queue, 'x', {
      headers: { ...everything, long: typed('long', -1) },
      timestamp: new Date(0),
    });
    const { properties } = (await channel.basicGet(queue, { noAck: true }))!;
    expect(properties.headers).toEqual({ ...expected, long: -1 });
    expect(properties.timestamp).toEqual(new Date(0));
  });

  it('A24 headers that the broker decodes and encodes again: every type', async () => {
    // Dead-lettering adds x-death, for which RabbitMQ decodes the table and encodes it again.
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const target = await queueFor(channel);
    const inbox = new Inbox<FieldTable>();
    await channel.basicConsume(target, (delivery) => inbox.add(delivery.properties.headers!), { noAck: true });
    const source = await queueFor(channel, {
      arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': target, 'x-message-ttl': 0 },
    });
    await channel.publish('', source, 'x', { headers: everything });
    const headers = await inbox.next();
    const death = (headers['x-death'] as FieldTable[])[0]!;
    expect(death).toMatchObject({ queue: source, reason: 'expired', count: 1, 'routing-keys': [source] });
    expect(death['time']).toBeInstanceOf(Date);
    expect(headers).toMatchObject(expected);
  });

  it('A24 a header that cannot be written fails only its publish', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const queue = await queueFor(channel);
    const headers = { order: [{ id: Symbol('x') }] } as unknown as FieldTable;
    const error = await errorOf(channel.publish('', queue, 'x', { headers }));
    expect(error).toBeInstanceOf(EncodingError);
    expect(error.message).toMatch(/^headers\.order\[0\]\.id/);
    const declare = await errorOf(channel.queueDeclare(queue, { exclusive: true, arguments: headers }));
    expect(declare.message).toMatch(/queue\.declare\.order\[0\]\.id/);
    expect(await channel.publish('', queue, 'fine')).toBe(1);
    expect((await channel.basicGet(queue, { noAck: true }))!.text()).toBe('fine');
  });
});
