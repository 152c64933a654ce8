import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { levelsOf, timeIn } from './staircase.js';

const YEAR = 366 * 86_400_000;

describe('levelsOf', () => {
  it('waits for at least the delay, and for less than 125 ms more', () => {
    const delay = fc.oneof(fc.double({ min: 0.001, max: YEAR, noNaN: true }), fc.integer({ min: 1, max: YEAR }));
    fc.assert(
      fc.property(delay, (ms) => {
        const levels = levelsOf(ms);
        const time = timeIn(levels);
        expect(time).toBeGreaterThanOrEqual(ms);
        expect(time - ms).toBeLessThan(125);
        expect(levels).toEqual([...new Set(levels)].toSorted((a, b) => b - a));
      }),
      { examples: [[YEAR], [125], [0.001], [1_000]] },
    );
  });
});
