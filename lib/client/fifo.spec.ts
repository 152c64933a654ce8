import { describe, expect, it } from '@jest/globals';
import { Fifo } from './fifo.js';

describe('Fifo', () => {
  it('gives back what it was given, in order, however pushes and shifts mix', () => {
    const fifo = new Fifo<number>();
    const expected: number[] = [];
    for (let n = 0; n < 10_000; n++) {
      fifo.push(n);
      expected.push(n);
      if (n % 3 > 0) expect(fifo.shift()).toBe(expected.shift());
      expect(fifo.size).toBe(expected.length);
    }
    expect(fifo.drain()).toEqual(expected);
    expect([fifo.size, fifo.shift()]).toEqual([0, undefined]);
  });
});
