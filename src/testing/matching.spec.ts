import { Buffer } from 'node:buffer';
import { describe, expect, it } from '@jest/globals';
import { matches } from './matching.js';

describe('matches', () => {
  it.each<[string, unknown, unknown, boolean]>([
    ['equal text', 'a', 'a', true],
    ['other text', 'a', 'b', false],
    ['a RegExp', 'order.created', /^order\./, true],
    ['a RegExp that does not fit', 'invoice', /^order\./, false],
    ['a RegExp on what is no text', 5, /5/, false],
    ['NaN', NaN, NaN, true],
    ['nothing', undefined, undefined, true],
    ['null is not nothing', null, undefined, false],
    ['some of the properties', { a: 1, b: 2 }, { a: 1 }, true],
    ['a property that is missing', { b: 2 }, { a: 1 }, false],
    ['properties within properties', { a: { b: 1, c: 2 } }, { a: { c: 2 } }, true],
    ['an object where there is none', 'a', { a: 1 }, false],
    ['all items', [1, { a: 1, b: 2 }], [1, { a: 1 }], true],
    ['too few items', [1, 2], [1], false],
    ['bytes, whatever holds them', Buffer.from('ab'), new Uint8Array([97, 98]), true],
    ['other bytes', Buffer.from('ab'), Buffer.from('ac'), false],
    ['dates', new Date(5), new Date(5), true],
    ['other dates', new Date(5), new Date(6), false],
    ['maps', new Map([[1, 2]]), new Map([[1, 2]]), true],
    ['sets that differ', new Set([1]), new Set([2]), false],
    ['a function that agrees', 5, (value: number) => value > 4, true],
    ['a function that does not', 3, (value: number) => value > 4, false],
    ["a matcher of the test's own", { a: [1, 2] }, { a: expect.arrayContaining([2]) }, true],
    ['one that does not fit', { a: [1] }, { a: expect.arrayContaining([2]) }, false],
  ])('%s', (_, actual, expected, result) => {
    expect(matches(actual, expected)).toBe(result);
  });
});
