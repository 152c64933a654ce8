import { describe, expect, it } from '@jest/globals';
import { systemRandom } from './random.js';

describe('systemRandom', () => {
  it('next is from 0 up to, and without, 1, and another each time', () => {
    const numbers = Array.from({ length: 1_000 }, () => systemRandom.next());
    for (const number of numbers) {
      expect(number).toBeGreaterThanOrEqual(0);
      expect(number).toBeLessThan(1);
    }
    expect(new Set(numbers).size).toBeGreaterThan(990);
  });

  it.each([0, 1, 16, 1_000])('%i bytes are as many, in a buffer of their own', (size) => {
    const [first, second] = [systemRandom.bytes(size), systemRandom.bytes(size)];
    expect(first).toHaveLength(size);
    if (size >= 16) expect(first.equals(second)).toBe(false);
    first.fill(0);
    if (size >= 16) expect(second.every((byte) => byte === 0)).toBe(false);
  });
});
