import { Buffer } from 'node:buffer';
import type { Random } from '../../lib/environment/index.js';

/** Bytes of an id, and of its text: 32 digits and 4 dashes. */
const SIZE = 16;
const TEXT_SIZE = 36;
const DIGITS = Buffer.from('0123456789abcdef');
/** Ids of one draw of random bytes: drawn one by one they would cost more than the rest. */
const POOL = 256;

/**
 * Makes random UUIDs (version 4, RFC 9562, section 5.4), as `crypto.randomUUID()` gives them. That one is a chain of forty
 * pieces of text, which become one when the id is written: that took as long as to write all other properties of a message.
 */
export function uniqueIds(random: Pick<Random, 'bytes'>): () => string {
  const text = Buffer.alloc(TEXT_SIZE, '-');
  let pool: Buffer = Buffer.alloc(0);
  let used = 0;
  return () => {
    if (used === pool.length) {
      pool = random.bytes(POOL * SIZE);
      used = 0;
    }
    const begin = used;
    used += SIZE;
    // Version and variant.
    pool[begin + 6] = (pool[begin + 6]! & 0x0f) | 0x40;
    pool[begin + 8] = (pool[begin + 8]! & 0x3f) | 0x80;
    let at = 0;
    for (let index = 0; index < SIZE; index++) {
      if (index === 4 || index === 6 || index === 8 || index === 10) at++;
      const byte = pool[begin + index]!;
      text[at++] = DIGITS[byte >>> 4]!;
      text[at++] = DIGITS[byte & 0x0f]!;
    }
    return text.toString('latin1');
  };
}
