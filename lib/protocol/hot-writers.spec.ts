import { Buffer } from 'node:buffer';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { ByteWriter } from './bytes.js';
import { EncodingError } from './errors.js';
import { writeTable } from './field-table.js';
import { writeTimestamp } from './timestamp.js';
import { FrameWriter } from './frame-writer.js';
import { writeProperties } from './properties.js';
import { outgoing } from './protocol.arbitraries.js';
import { properties as spec } from './spec.js';
import type { MessageProperties } from './types.js';

/** Checks that the hand-written writers produce the same bytes as the table of the specification. */

const shortstr = fc.oneof(
  fc.string({ maxLength: 255 }),
  // Beyond ASCII, and yet one byte a character elsewhere.
  fc.string({ maxLength: 60, unit: fc.constantFrom('a', 'é', 'ÿ') }),
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
        expect(frames((writer) => writer.publish(7, outgoing(exchange, routingKey, mandatory, values, bytes)))).toEqual(
          expected,
        );
      }),
    );
  });

  it('basic.publish is what the table says, whatever was published before it', () => {
    // Few values, so that messages often are the last one again, in whole or in part; and some that are refused.
    const few = fc.constantFrom('', 'orders', 'order.created', 'x'.repeat(256), undefined as unknown as string);
    // Ids differ from message to message: in value alone, in length, or by not being ASCII, or no text at all.
    const ids = ['id-1', 'id-2', 'id-33', 'ïd-1', 'ïd', '', 'x'.repeat(65), 'y'.repeat(65), 5 as unknown as string];
    const textsOf = (name: string): string[] => (name.endsWith('onId') || name === 'messageId' ? ids : ['a', 'b']);
    const noHeaders = fc.constantFrom<unknown>({}, Object.create(null), { a: undefined }, new Map(), null);
    const some = fc.record(
      Object.fromEntries(
        Object.entries(spec).map(([name, kind]) => [
          name,
          kind === 'shortstr'
            ? fc.constantFrom(...textsOf(name))
            : name === 'headers'
              ? fc.oneof(noHeaders, headers)
              : kinds[kind],
        ]),
      ),
      { requiredKeys: [] },
    ) as fc.Arbitrary<MessageProperties>;
    const mostlySame = fc.oneof(
      fc.constantFrom<MessageProperties>({}, { contentType: 'a' }, { deliveryMode: 256 }),
      // What the Nest module and the transport send.
      fc.record({
        contentType: fc.constant('application/json'),
        deliveryMode: fc.constant(2),
        headers: fc.constant({}),
        messageId: fc.constantFrom(undefined, ...ids),
        correlationId: fc.constantFrom(undefined, ...ids),
        replyTo: fc.constant('amq.rabbitmq.reply-to'),
      }) as fc.Arbitrary<MessageProperties>,
      some,
    );
    const address = fc.oneof(
      { weight: 4, arbitrary: fc.constant(['', 'q', true] as const) },
      fc.tuple(few, few, fc.boolean()),
    );
    const publish = fc.tuple(fc.integer({ min: 1, max: 65_535 }), address, mostlySame);
    const attempt = (writer: FrameWriter, write: () => void): Buffer | 'refused' => {
      try {
        write();
      } catch (error) {
        expect(error).toBeInstanceOf(EncodingError);
        expect(writer.pendingBytes).toBe(0);
        return 'refused';
      }
      return Buffer.concat(writer.take()!.chunks);
    };
    fc.assert(
      fc.property(fc.array(publish, { maxLength: 16 }), fc.uint8Array({ maxLength: 9 }), (publishes, bytes) => {
        const [hot, byTable] = [new FrameWriter(() => {}), new FrameWriter(() => {})];
        for (const [channel, [exchange, routingKey, mandatory], values] of publishes.flatMap((one) => [one, one])) {
          const args = { exchange, routingKey, mandatory, immediate: false };
          const expected = attempt(byTable, () => byTable.content(channel, 'basic.publish', args, values, bytes));
          const actual = attempt(hot, () =>
            hot.publish(channel, outgoing(exchange, routingKey, mandatory, values, bytes)),
          );
          expect(actual).toEqual(expected);
        }
      }),
    );
  });

  it.each(Object.entries(spec))('basic.publish notices another %s than before', (name, kind) => {
    const [first, second] = {
      shortstr: ['a', 'b'],
      octet: [1, 2],
      table: [{ a: 1 }, { a: 2 }],
      timestamp: [new Date(1e6), new Date(2e6)],
    }[kind];
    const writer = new FrameWriter(() => {});
    for (const values of [{}, { [name]: first }, { [name]: second }, {}]) {
      writer.publish(1, outgoing('', 'q', false, values, Buffer.alloc(0)));
      const expected = frames((other) => other.publish(1, outgoing('', 'q', false, values, Buffer.alloc(0))));
      expect(Buffer.concat(writer.take()!.chunks)).toEqual(expected);
    }
  });

  it.each<[string, MessageProperties, (values: MessageProperties) => unknown]>([
    ['table', { headers: { tenant: 'a' } }, ({ headers }) => (headers!['tenant'] = 'b')],
    ['date', { timestamp: new Date(1e6) }, ({ timestamp }) => timestamp!.setTime(2e6)],
  ])('basic.publish notices a %s that was changed in place', (_what, values, change) => {
    const writer = new FrameWriter(() => {});
    const sent = (): Buffer => {
      writer.publish(1, outgoing('', 'q', false, values, Buffer.alloc(0)));
      return Buffer.concat(writer.take()!.chunks);
    };
    const before = sent();
    change(values);
    const after = sent();
    expect(after).not.toEqual(before);
    expect(after).toEqual(frames((other) => other.publish(1, outgoing('', 'q', false, values, Buffer.alloc(0)))));
  });
});
