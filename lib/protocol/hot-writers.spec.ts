import { Buffer } from 'node:buffer';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { ByteWriter } from './bytes.js';
import { EncodingError } from './errors.js';
import { writeTable } from './field-table.js';
import { writeTimestamp } from './timestamp.js';
import { FrameWriter } from './frame-writer.js';
import { writeProperties } from './properties.js';
import { properties as spec } from './spec.js';
import type { MessageProperties } from './types.js';

/** What is written by hand for speed says the same as the table of the specification, byte for byte. */

const shortstr = fc.oneof(
  fc.string({ maxLength: 255 }),
  fc.string({ maxLength: 60, unit: 'grapheme' }).filter((text) => Buffer.byteLength(text) <= 255),
);
const headers = fc.dictionary(
  fc.string({ maxLength: 80 }),
  fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.integer(),
    fc.boolean(),
    fc.double({ noDefaultInfinity: true, noNaN: true }),
  ),
);
const kinds: Record<(typeof spec)[keyof typeof spec], fc.Arbitrary<unknown>> = {
  shortstr,
  octet: fc.integer({ min: 0, max: 255 }),
  table: headers,
  timestamp: fc.date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true }),
};
const properties = fc.record(
  Object.fromEntries(Object.entries(spec).map(([name, kind]) => [name, fc.option(kinds[kind], { nil: undefined })])),
  { requiredKeys: [] },
) as fc.Arbitrary<MessageProperties>;

function writeByTable(writer: ByteWriter, values: MessageProperties): void {
  const set = Object.entries(spec).map(([name, kind], index) => ({
    name,
    kind,
    flag: 1 << (15 - index),
    value: (values as Record<string, unknown>)[name],
  }));
  writer.short(set.reduce((flags, { flag, value }) => (value === undefined ? flags : flags | flag), 0));
  for (const { name, kind, value } of set) {
    if (value === undefined) continue;
    if (kind === 'shortstr') writer.shortstr(value as string, name);
    else if (kind === 'octet') writer.octet(value as number);
    else if (kind === 'table') writeTable(writer, value as NonNullable<MessageProperties['headers']>);
    else writeTimestamp(writer, value as Date, name);
  }
}

function encoded(write: (writer: ByteWriter) => void): Buffer {
  const writer = new ByteWriter(16);
  write(writer);
  return Buffer.from(writer.view());
}

function frames(write: (writer: FrameWriter) => void): Buffer {
  const writer = new FrameWriter(() => {});
  writer.frameMax = 4096;
  write(writer);
  return Buffer.concat(writer.take()!.chunks);
}

describe('what is written by hand', () => {
  it('a short string is its length and its UTF-8', () => {
    fc.assert(
      fc.property(shortstr, (text) => {
        const bytes = Buffer.from(text);
        const expected = Buffer.concat([Buffer.of(bytes.length), bytes]);
        expect(encoded((writer) => writer.shortstr(text, 'text'))).toEqual(expected);
      }),
    );
  });

  it('a short string is refused when it is too long, not Unicode, or no string', () => {
    for (const text of ['a'.repeat(256), 'é'.repeat(128), 'a\ud800', 5 as unknown as string]) {
      expect(() => encoded((writer) => writer.shortstr(text, 'text'))).toThrow(EncodingError);
    }
  });

  it('properties are what the table says', () => {
    fc.assert(
      fc.property(properties, (values) => {
        const expected = encoded((writer) => writeByTable(writer, values));
        expect(encoded((writer) => writeProperties(writer, values))).toEqual(expected);
      }),
    );
  });

  it('basic.publish is what the table says, with its content', () => {
    const body = fc.oneof(fc.uint8Array({ maxLength: 100 }), fc.uint8Array({ minLength: 4000, maxLength: 13_000 }));
    const few = fc.record({ messageId: shortstr, deliveryMode: fc.nat(255) }, { requiredKeys: [] });
    fc.assert(
      fc.property(shortstr, shortstr, fc.boolean(), few, body, (exchange, routingKey, mandatory, values, bytes) => {
        const args = { exchange, routingKey, mandatory, immediate: false };
        const expected = frames((writer) => writer.content(7, 'basic.publish', args, values, bytes));
        expect(frames((writer) => writer.publish(7, exchange, routingKey, mandatory, values, bytes))).toEqual(expected);
      }),
    );
  });
});
