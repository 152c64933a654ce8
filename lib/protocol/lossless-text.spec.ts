import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Buffer } from 'node:buffer';
import { ByteReader, ByteWriter } from './bytes.js';
import { EncodingError } from './errors.js';
import { decodeText } from './lossless-text.js';

const read = (bytes: Buffer): string => new ByteReader(Buffer.concat([Buffer.of(bytes.length), bytes])).shortstr();
const write = (text: string): Buffer => {
  const writer = new ByteWriter();
  writer.messageShortstr(text, 'text');
  return Buffer.from(writer.view().subarray(1));
};

describe('short strings that are not UTF-8', () => {
  it.each([
    ['Latin-1', '636166e9', 'caf\udce9'],
    ['a truncated sequence', '61e282', 'a\udce2\udc82'],
    ['an overlong one', 'c0af', '\udcc0\udcaf'],
    ['a surrogate', 'eda080', '\udced\udca0\udc80'],
    ['UTF-8 around it', 'e282acffe282ac', '€\udcff€'],
    ['U+FFFD itself, which is a character', 'efbfbd', '\ufffd'],
    ['both', 'efbfbdff', '\ufffd\udcff'],
  ])('%s', (_, hex, text) => {
    expect(read(Buffer.from(hex, 'hex'))).toBe(text);
    expect(write(text).toString('hex')).toBe(hex);
  });

  it('any bytes are written as they were read', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 255 }), (bytes) => {
        expect(write(read(Buffer.from(bytes)))).toEqual(Buffer.from(bytes));
      }),
    );
  });

  it('UTF-8 is read as ever', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        const bytes = Buffer.from(text);
        expect(decodeText(bytes, 0, bytes.length)).toBe(text);
      }),
    );
  });

  it('in a method, which RabbitMQ would refuse, it is a local error', () => {
    expect(() => new ByteWriter().shortstr('caf\udce9', 'routingKey')).toThrow(/routingKey has a lone surrogate/);
  });

  it('other lone surrogates are refused, and what is too long', () => {
    for (const text of ['\ud800', '\udc00', '\udc7f', '\udd00', '\udcff\ud800', '\udcff'.repeat(256)]) {
      expect(() => write(text)).toThrow(EncodingError);
    }
    // A pair is a character, whatever its second half is.
    expect(write('\ud800\udc80').toString()).toBe('\ud800\udc80');
  });
});
