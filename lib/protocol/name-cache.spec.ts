import { Buffer } from 'node:buffer';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decodeText } from './lossless-text.js';
import { NameCache } from './name-cache.js';

describe('NameCache', () => {
  it('reads what the bytes say, whatever it read before', () => {
    // Few bytes and lengths, so that names meet in a slot; some are no UTF-8, some end or begin alike.
    const octet = fc.constantFrom(0x61, 0x62, 0xc3, 0xa9, 0xff, 0x00);
    const name = fc.oneof(fc.array(octet, { maxLength: 4 }), fc.array(fc.nat(255), { maxLength: 255 }));
    fc.assert(
      fc.property(fc.array(name, { maxLength: 30 }), (names) => {
        const cache = new NameCache(32);
        for (const octets of [...names, ...names]) {
          const around = Buffer.from([0x61, ...octets, 0x61]);
          expect(cache.read(around, 1, around.length - 1)).toBe(decodeText(Buffer.from(octets), 0, octets.length));
        }
      }),
    );
  });

  it('decodes a name that comes again only once', () => {
    const cache = new NameCache(32);
    const bytes = Buffer.from('order.created');
    const decoded: unknown[] = [];
    bytes.toString = function (this: Buffer, ...args: Parameters<Buffer['toString']>) {
      decoded.push(args);
      return Buffer.prototype.toString.apply(this, args);
    };
    for (let time = 0; time < 3; time++) cache.read(bytes, 0, bytes.length);
    expect(decoded).toHaveLength(1);
  });
});
