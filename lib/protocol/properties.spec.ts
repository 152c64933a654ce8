import { Buffer } from 'node:buffer';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ByteReader, ByteWriter } from './bytes.js';
import { EncodingError, WireError } from './errors.js';
import { typed } from './field-table.js';
import { readEncodedHeaders, readProperties, writeProperties } from './properties.js';
import { bytes, messageProperties } from './protocol.arbitraries.js';
import { sizesNotRefused } from './receiver.arbitraries.js';
import type { MessageProperties, OutgoingProperties } from './types.js';

function encode(properties: OutgoingProperties): Buffer {
  const writer = new ByteWriter(4);
  writeProperties(writer, properties);
  return writer.view();
}

const decode = (encoded: Buffer): MessageProperties => readProperties(new ByteReader(encoded));
const refused = expect.objectContaining({ name: 'WireError', replyName: 'SYNTAX_ERROR' });

const all: Required<MessageProperties> = {
  contentType: 'ct',
  contentEncoding: 'ce',
  headers: { a: true },
  deliveryMode: 2,
  priority: 255,
  correlationId: 'co',
  replyTo: 'rt',
  expiration: '60000',
  messageId: 'mi',
  timestamp: new Date(1_700_000_000_000),
  type: 'ty',
  userId: 'ui',
  appId: 'ai',
  clusterId: 'ci',
};

describe('properties', () => {
  it('are read back as they were written, and nothing but WireError when cut', () => {
    fc.assert(
      fc.property(messageProperties, (properties) => {
        const encoded = encode(properties);
        expect(decode(encoded)).toEqual(properties);
        expect(sizesNotRefused(encoded, decode)).toEqual([]);
      }),
    );
  });

  it('come in the order of their flags: all fourteen, byte for byte', () => {
    const text = (value: string): string => `0${value.length}${Buffer.from(value).toString('hex')}`;
    const hex = [
      'fffc',
      text('ct') + text('ce'),
      '00000004' + '01617401',
      '02' + 'ff',
      text('co') + text('rt') + text('60000') + text('mi'),
      '000000006553f100',
      text('ty') + text('ui') + text('ai') + text('ci'),
    ].join('');
    expect(encode(all).toString('hex')).toBe(hex);
    expect(decode(Buffer.from(hex, 'hex'))).toEqual(all);
  });

  it('take a number for the expiration, and headers of any type', () => {
    interface Trace {
      readonly traceparent: string;
    }
    const headers: Trace = { traceparent: '00-1-2-01' };
    expect(decode(encode({ expiration: 60_000, headers }))).toEqual({ expiration: '60000', headers });
    expect(decode(encode({ expiration: 0 }))).toEqual({ expiration: '0' });
    const unknown: Record<string, unknown> = { count: 1 };
    expect(decode(encode({ headers: unknown }))).toEqual({ headers: unknown });
  });

  it('take two bytes when there are none', () => {
    expect(encode({ type: undefined }).toString('hex')).toBe('0000');
    expect(decode(Buffer.alloc(2))).toEqual({});
  });

  it('keep empty strings and zeros', () => {
    expect(decode(encode({ correlationId: '', priority: 0, headers: {} }))).toEqual({
      correlationId: '',
      priority: 0,
      headers: {},
    });
  });

  it.each(Object.keys(all) as (keyof MessageProperties)[])('a wrong %s is named', (name) => {
    for (const value of [Symbol('x'), null, [], -1, 2 ** 32, 1.5, 'a'.repeat(256), '\ud800', () => 1]) {
      const properties = { [name]: value } as unknown as MessageProperties;
      expect(() => encode(properties)).toThrow(EncodingError);
      expect(() => encode(properties)).toThrow(new RegExp(`^${name} `));
    }
  });

  it('say what they got, and where in the headers', () => {
    expect(() => encode({ priority: 256 })).toThrow('priority must be a whole number from 0 to 255, not 256');
    expect(() => encode({ type: 60 as never })).toThrow('type must be a string, not number');
    expect(() => encode({ expiration: NaN })).toThrow(
      'expiration must be a whole number of ms from 0 to 4294967295, not NaN',
    );
    expect(() => encode({ headers: { a: [Symbol('s')] } as never })).toThrow(/^headers\.a\[0\] is a symbol/);
  });

  it.each(['0001', '0002'])('with the flags %s, which class basic does not have, are refused', (flags) => {
    expect(() => decode(Buffer.from(flags, 'hex'))).toThrow(refused);
  });

  it('with bytes behind the last one are refused', () => {
    expect(() => decode(Buffer.from('000000', 'hex'))).toThrow(refused);
  });

  it('have headers that can be written as they came, whatever their types', () => {
    fc.assert(
      fc.property(messageProperties, (properties) => {
        const before = Buffer.from(encode(properties));
        const headers = readEncodedHeaders(new ByteReader(before));
        expect(Object.keys(headers)).toEqual(Object.keys(decode(before).headers ?? {}));
        const { headers: had, ...others } = properties;
        expect(Buffer.from(encode(had ? { ...others, headers } : others))).toEqual(before);
      }),
    );
  });

  it('have headers that keep types which decoding does not tell apart', () => {
    const headers = { a: typed('uint8', 5), b: typed('int64', 5), c: typed('float', 0.5) };
    const before = Buffer.from(encode({ contentType: 'ct', headers }));
    expect(encode({ contentType: 'ct', headers: readEncodedHeaders(new ByteReader(before)) })).toEqual(before);
    expect(encode({ contentType: 'ct', headers: decode(before).headers })).not.toEqual(before);
  });

  it('of random bytes are properties or a WireError', () => {
    fc.assert(
      fc.property(bytes(64), (input) => {
        try {
          decode(input);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
