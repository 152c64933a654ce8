import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import * as zlib from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { ConfigurationError } from '../../lib/client/index.js';
import { checkedCompression, compressed, type Compress } from './compression.js';
import { SerializationError } from './serialization.errors.js';

/** Bytes that no encoding makes smaller. */
const noise = (size: number): Buffer => createHash('shake256', { outputLength: size }).update('noise').digest();

const plainOf = (text: string) => ({ body: Buffer.from(text), contentType: 'text/plain' });

describe('compression', () => {
  it.each<[Compress | undefined, unknown]>([
    [undefined, undefined],
    [false, undefined],
    ['gzip', { encoding: 'gzip', from: 1_024 }],
    [{ encoding: 'br' }, { encoding: 'br', from: 1_024 }],
    [
      { encoding: 'deflate', from: '2KB' },
      { encoding: 'deflate', from: 2_048 },
    ],
    [
      { encoding: 'gzip', from: 0 },
      { encoding: 'gzip', from: 0 },
    ],
  ])('takes %p', (compress, expected) => {
    expect(checkedCompression('compress', compress)).toEqual(expected);
  });

  it.each([
    [true, /^compress must be 'gzip' or 'deflate' or 'br' or 'zstd', an object .* or false/],
    [7, /^compress must be/],
    [null, /^compress must be/],
    ['brotli', /^compress: encoding must be/],
    [{}, /^compress: encoding must be/],
    [{ encoding: 'gzip', from: 'large' }, /^compress: from must be a number of bytes/],
    [{ encoding: 'gzip', size: 1 }, /^compress: .*'size'/],
  ])('refuses %p', (compress, message) => {
    expect(() => checkedCompression('compress', compress as Compress)).toThrow(ConfigurationError);
    expect(() => checkedCompression('compress', compress as Compress)).toThrow(message);
  });

  it('takes zstd only on a Node.js that has it', () => {
    const check = (): unknown => checkedCompression('compress', 'zstd');
    if ('zstdCompressSync' in zlib) expect(check()).toMatchObject({ encoding: 'zstd' });
    else expect(check).toThrow(/^compress: 'zstd' needs a newer Node\.js than v/);
  });

  it('compresses from the size on', () => {
    const compression = { encoding: 'gzip', from: 100 } as const;
    const small = plainOf('a'.repeat(99));
    expect(compressed('', small, { compression })).toBe(small);
    const { body, ...others } = compressed('', plainOf('a'.repeat(100)), { compression });
    expect(others).toEqual({ contentType: 'text/plain', contentEncoding: 'gzip' });
    expect(String(zlib.gunzipSync(body))).toBe('a'.repeat(100));
  });

  it('leaves a body alone that would not become smaller', () => {
    const plain = { body: noise(5_000), contentType: 'image/png' };
    expect(compressed(plain.body, plain, { compression: { encoding: 'gzip', from: 0 } })).toBe(plain);
  });

  it('encodes a payload as its content encoding says, whatever its size, and leaves bytes alone', () => {
    const { body, contentEncoding } = compressed('a', plainOf('a'), { contentEncoding: 'gzip' });
    expect(contentEncoding).toBe('gzip');
    expect(String(zlib.gunzipSync(body))).toBe('a');
    const compression = { encoding: 'br', from: 0 } as const;
    const encoded = { body: zlib.gzipSync('a'.repeat(100)), contentType: 'text/plain' };
    expect(compressed(encoded.body, encoded, { contentEncoding: 'gzip', compression })).toBe(encoded);
    expect(compressed(new ArrayBuffer(3), encoded, { contentEncoding: 'gzip', compression })).toBe(encoded);
    const text = plainOf('a'.repeat(100));
    expect(compressed('a', text, { contentEncoding: 'utf-8', compression })).toBe(text);
  });

  it('refuses to send a payload under an encoding that it cannot write', () => {
    expect(() => compressed({}, plainOf('{}'), { contentEncoding: 'lz4' })).toThrow(SerializationError);
    expect(() => compressed({}, plainOf('{}'), { contentEncoding: 'lz4' })).toThrow(/'lz4': encode it yourself/);
  });
});
