import { describe, expect, it } from '@jest/globals';
import { uniqueId } from './unique-id.js';

describe('uniqueId', () => {
  // More than there are random bytes for at a time.
  const ids = Array.from({ length: 10_000 }, uniqueId);

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
});
