import { Buffer } from 'node:buffer';
import type { Random } from '../../lib/environment/index.js';

/** Number of bytes of an id. Its text has 32 digits and 4 dashes. */
const SIZE = 16;
const TEXT_SIZE = 36;
const DIGITS = Buffer.from('0123456789abcdef');
/** Number of ids for which random bytes are drawn at once; single draws are slow. */
const POOL = 256;

/**
 * Creates random UUIDs (version 4, RFC 9562, section 5.4). A UUID of `crypto.randomUUID()` consists of forty linked
 * strings that V8 joins when the id is written, which took as long as writing all other properties of a message.
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
