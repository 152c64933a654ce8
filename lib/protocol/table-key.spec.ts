import { describe, expect, it } from '@jest/globals';
import { EncodingError } from './errors.js';
import { typed, type FieldTable } from './field-table.js';
import { tableKey } from './table-key.js';

describe('the key of a table', () => {
  it.each<[string, FieldTable, FieldTable]>([
    ['a number with its usual type', { a: 7 }, { a: typed('int32', 7) }],
    ['a key without a value', { a: 1, none: undefined }, { a: 1 }],
    ['another order of keys', { a: 1, b: 2 }, { b: 2, a: 1 }],
    ['times in one second', { at: new Date(1_000) }, { at: new Date(1_999) }],
    ['a bigint and a number of 64 bits', { a: 2n ** 40n }, { a: 2 ** 40 }],
    ['kinds of bytes', { a: Buffer.from('a') }, { a: new Uint8Array([97]) }],
    ['a hole in an array', { a: [1, undefined] }, { a: [1, null] }],
  ])('attack 4 is the same for %s', (_, one, other) => {
    expect(tableKey(one)).toBe(tableKey(other));
  });

  it.each<[string, FieldTable, FieldTable]>([
    ['widths of a number', { a: 7 }, { a: 7n }],
    ['a text and its bytes', { a: 'a' }, { a: Buffer.from('a') }],
    ['a key with null and no key', { a: null }, {}],
    ['another order of items', { a: [1, 2] }, { a: [2, 1] }],
    ['another order of keys within', { a: { b: 1, c: 2 } }, { a: { c: 2, b: 1 } }],
    ['other seconds', { at: new Date(1_000) }, { at: new Date(2_000) }],
  ])('differs for %s', (_, one, other) => {
    expect(tableKey(one)).not.toBe(tableKey(other));
  });

  it('refuses what cannot be written', () => {
    expect(() => tableKey({ a: NaN })).toThrow(EncodingError);
  });
});
