import { Buffer } from 'node:buffer';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ByteReader, ByteWriter, describe as describeValue } from './bytes.js';
import { EncodingError, WireError } from './errors.js';
import { bytes, shortstr } from './protocol.arbitraries.js';

type Step = readonly [write: (writer: ByteWriter) => void, read: (reader: ByteReader) => unknown, value: unknown];

const step = fc.oneof(
  fc.integer({ min: 0, max: 0xff }).map((n): Step => [(w) => w.octet(n), (r) => r.octet(), n]),
  fc.integer({ min: 0, max: 0xffff }).map((n): Step => [(w) => w.short(n), (r) => r.short(), n]),
  fc.integer({ min: 0, max: 0xffff_ffff }).map((n): Step => [(w) => w.long(n), (r) => r.long(), n]),
  fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }).map((n): Step => [(w) => w.longlong(n), (r) => r.longlong(), n]),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((n): Step => [(w) => w.int64(n), (r) => r.int64(), n]),
  fc.float().map((n): Step => [(w) => w.float(n), (r) => r.float(), n]),
  fc.double().map((n): Step => [(w) => w.double(n), (r) => r.double(), n]),
  shortstr.map((s): Step => [(w) => w.shortstr(s, 's'), (r) => r.shortstr(), s]),
  fc.string({ unit: 'binary' }).map((s): Step => [(w) => w.longstr(s, 's'), (r) => r.longbytes().toString(), s]),
  bytes().map((b): Step => [(w) => w.longbytes(b), (r) => Buffer.from(r.longbytes()), b]),
);

describe('ByteWriter and ByteReader', () => {
  it('read back what was written, however the buffer had to grow', () => {
    fc.assert(
      fc.property(fc.array(step), fc.integer({ min: 0, max: 16 }), (steps, capacity) => {
        const writer = new ByteWriter(capacity);
        for (const [write] of steps) write(writer);
        const reader = new ByteReader(writer.view());
        expect(steps.map(([, read]) => read(reader))).toEqual(steps.map(([, , value]) => value));
        expect(reader.remaining).toBe(0);
      }),
    );
  });

  it('puts the length of what is written before it', () => {
    const writer = new ByteWriter(1);
    writer.sized(() => {
      writer.octet(7);
      writer.sized(() => writer.short(0x0102));
    });
    expect(writer.view()).toEqual(Buffer.from('00000007' + '07' + '00000002' + '0102', 'hex'));
  });

  it('refuses a short string over 255 bytes, by its name and size', () => {
    const writer = new ByteWriter();
    expect(() => writer.shortstr('é'.repeat(128), 'the queue')).toThrow(
      new EncodingError("the queue has 256 bytes; AMQP's short strings hold 255 at most"),
    );
    expect(() => writer.shortstr('a'.repeat(300), 'the queue')).toThrow(/300 bytes/);
  });

  it.each(['\ud800', 'a\udc00', '\udc00\ud800'])('refuses a lone surrogate: %j', (value) => {
    const writer = new ByteWriter();
    expect(() => writer.shortstr(value, 'it')).toThrow(EncodingError);
    expect(() => writer.longstr(value, 'it')).toThrow(EncodingError);
  });

  it('refuses what is no string, without a word of its content', () => {
    expect(() => new ByteWriter().shortstr({ secret: 1 } as unknown as string, 'it')).toThrow(
      'it must be a string, not Object',
    );
  });

  it.each<[string, number, (reader: ByteReader) => unknown]>([
    ['octet', 1, (r) => r.octet()],
    ['int8', 1, (r) => r.int8()],
    ['short', 2, (r) => r.short()],
    ['int16', 2, (r) => r.int16()],
    ['long', 4, (r) => r.long()],
    ['int32', 4, (r) => r.int32()],
    ['longlong', 8, (r) => r.longlong()],
    ['int64', 8, (r) => r.int64()],
    ['float', 4, (r) => r.float()],
    ['double', 8, (r) => r.double()],
    ['shortstr', 3, (r) => r.shortstr()],
    ['longbytes', 6, (r) => r.longbytes()],
  ])('never reads past its part of the buffer: %s', (name, size, read) => {
    const buffer = Buffer.alloc(32);
    if (name === 'shortstr') buffer[8] = 2;
    if (name === 'longbytes') buffer[11] = 2;
    expect(() => read(new ByteReader(buffer, 8, 8 + size))).not.toThrow();
    for (let there = 0; there < size; there++) {
      expect(() => read(new ByteReader(buffer, 8, 8 + there))).toThrow(WireError);
    }
  });

  it('holds what is read within a size to that size', () => {
    const reader = new ByteReader(Buffer.from([1, 2, 3, 4]));
    const seen: number[] = [];
    reader.within(3, () => seen.push(reader.octet()));
    expect([seen, reader.octet()]).toEqual([[1, 2, 3], 4]);
    expect(() => new ByteReader(Buffer.alloc(4)).within(5, () => undefined)).toThrow(WireError);
    const short = new ByteReader(Buffer.alloc(4));
    expect(() => short.within(3, () => short.short())).toThrow(WireError);
  });

  it.each([
    [null, 'null'],
    [1, 'number'],
    [Object.create(null), 'object'],
    [new Map(), 'Map'],
  ])('describes %p as %s', (value, name) => {
    expect(describeValue(value)).toBe(name);
  });
});
