import { describe, expect, it } from '@jest/globals';
import { ByteReader, ByteWriter } from './bytes.js';
import { decodeField, encodedEntries, encodedItems } from './encoded-fields.js';
import { readEncodedTable, readTable, typed, TypedField, writeTable, type FieldTable } from './field-table.js';

function written(table: FieldTable): Buffer {
  const writer = new ByteWriter();
  writeTable(writer, table);
  return Buffer.from(writer.view());
}

const encoded = (table: FieldTable) => readEncodedTable(new ByteReader(written(table)));

describe('values as they came', () => {
  it('tell what they stand for', () => {
    const { int, text, list } = encoded({ int: typed('int8', -5), text: 'x', list: [1, [2]] });
    expect([int, text, list].map((field) => decodeField(field!))).toEqual([-5, 'x', [1, [2]]]);
  });

  it('give their items and entries, which are written as they came again', () => {
    const table = { list: [typed('uint16', 7), { inner: typed('int64', 9) }, 'x'] };
    const items = encodedItems(encoded(table)['list']!)!;
    expect(items.map(decodeField)).toEqual([7, { inner: 9 }, 'x']);
    const entries = encodedEntries(items[1]!)!;
    expect(written({ list: [items[0]!, { ...entries }, items[2]!] })).toEqual(written(table));
  });

  it('of another type have neither', () => {
    const { number, list, table } = encoded({ number: 1, list: [], table: {} });
    expect([number, table].map((field) => encodedItems(field!))).toEqual([undefined, undefined]);
    expect([number, list].map((field) => encodedEntries(field!))).toEqual([undefined, undefined]);
    expect(encodedItems(list!)).toEqual([]);
    expect(encodedEntries(table!)).toEqual({});
  });
});

describe('exact reading', () => {
  it('keeps floats, and doubles that are whole, from becoming integers, at any depth', () => {
    const table = {
      ten: typed('double', 10),
      half: 0.5,
      float: typed('float', 1.5),
      deep: [{ two: typed('double', 2) }],
    };
    const exact = readTable(new ByteReader(written(table)), 0, true);
    expect(exact).toEqual({
      ten: new TypedField('double', 10),
      half: 0.5,
      float: new TypedField('float', 1.5),
      deep: [{ two: new TypedField('double', 2) }],
    });
    expect(written(exact)).toEqual(written(table));
    expect(readTable(new ByteReader(written(table)))).toEqual({ ten: 10, half: 0.5, float: 1.5, deep: [{ two: 2 }] });
  });
});
