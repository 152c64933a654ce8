import { Buffer } from 'node:buffer';
import { describe, expect, it } from '@jest/globals';
import { hasWholeFrames } from './zstd-frames.js';

const MAGIC = [0x28, 0xb5, 0x2f, 0xfd];

/** A block, by the types of RFC 8878: 0 raw, 1 a byte that is repeated, 2 compressed, 3 reserved. */
function block(type: number, size: number, last: boolean, bytes = type === 1 ? 1 : size): Buffer {
  const header = Buffer.alloc(3);
  header.writeUIntLE((size << 3) | (type << 1) | (last ? 1 : 0), 0, 3);
  return Buffer.concat([header, Buffer.alloc(bytes, 'a')]);
}

const frame = (descriptor: number, header: number, ...rest: Buffer[]): Buffer =>
  Buffer.concat([Buffer.from([...MAGIC, descriptor]), Buffer.alloc(header), ...rest]);

const SKIPPABLE = Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 7, 7]);
const SMALL = frame(0x20, 1, block(0, 5, true));

describe('frames of zstd', () => {
  it.each<[string, Buffer]>([
    ['one raw block', SMALL],
    ['several blocks', frame(0x00, 1, block(0, 900, false), block(1, 70_000, false), block(2, 12, true))],
    ['a checksum', frame(0x04, 1, block(0, 5, true), Buffer.alloc(4))],
    ['a dictionary id and a content size of 2 bytes', frame(0x42, 5, block(0, 5, true))],
    ['a content size of 8 bytes', frame(0xe0, 8, block(0, 5, true))],
    ['several frames, one to skip', Buffer.concat([SKIPPABLE, SMALL, SMALL])],
  ])('are whole with %s, and not without their last byte or with one more', (_, body) => {
    expect(hasWholeFrames(body)).toBe(true);
    for (const length of [4, 5, 6, body.length - 4, body.length - 2, body.length - 1]) {
      expect(hasWholeFrames(body.subarray(0, length))).toBe(false);
    }
    expect(hasWholeFrames(Buffer.concat([body, Buffer.from([0])]))).toBe(false);
  });

  it.each<[string, Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['text', Buffer.from('{"card":"4111"}')],
    ['a magic number alone', Buffer.from(MAGIC)],
    ['a block of the reserved type', frame(0x20, 1, block(3, 5, true))],
    ['no last block', frame(0x20, 1, block(0, 5, false))],
    ['a frame to skip that ends too early', SKIPPABLE.subarray(0, 9)],
  ])('are not %s', (_, body) => {
    expect(hasWholeFrames(body)).toBe(false);
  });
});
