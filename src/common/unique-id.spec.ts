import { describe, expect, it } from '@jest/globals';
import { systemRandom } from '../../lib/environment/index.js';
import { uniqueIds } from './unique-id.js';

describe('uniqueIds', () => {
  // More than there are random bytes for at a time.
  const ids = Array.from({ length: 10_000 }, uniqueIds(systemRandom));

  it('is a UUID of version 4', () => {
    const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
    expect(ids.filter((id) => !uuid.test(id))).toEqual([]);
  });

  it('is never the same', () => {
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('is random in each of its digits', () => {
    for (const [at, sign] of [...ids[0]!].entries()) {
      if (sign === '-' || at === 14) continue;
      expect(new Set(ids.map((id) => id[at])).size).toBe(at === 19 ? 4 : 16);
    }
  });

  it('is what the bytes say that are handed in, and nothing else', () => {
    const draw = (): string[] => Array.from({ length: 300 }, uniqueIds({ bytes: (size) => Buffer.alloc(size, 0xff) }));
    expect(new Set(draw())).toEqual(new Set(['ffffffff-ffff-4fff-bfff-ffffffffffff']));
  });
});
