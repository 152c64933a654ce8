import { describe, expect, it } from '@jest/globals';
import { DURATION, FLAG, SIGNAL, count, numberIn, oneOf, withMethods, wrongOption } from './value-check.js';

const CHECKS = { noAck: FLAG, timeout: DURATION, mode: oneOf('auto', 'manual') };

describe('wrongOption', () => {
  it.each([{}, { noAck: undefined, timeout: Infinity }, { noAck: false, timeout: 0, mode: 'auto' }])(
    'says nothing of %j',
    (given) => expect(wrongOption('get', given, CHECKS)).toBeUndefined(),
  );

  it.each([
    [{ noack: true }, /^get: unknown option 'noack'; did you mean 'noAck'\?/],
    [{ noAck: 'false' }, /^of\.noAck must be true or false$/],
    [{ noAck: null }, /^of\.noAck must be true or false$/],
    [{ timeout: NaN }, /^of\.timeout must be a number of milliseconds/],
    [{ mode: 's3cret' }, /^of\.mode must be 'auto' or 'manual'$/],
  ])('describes %j', (given, message) => {
    expect(wrongOption('get', given, CHECKS, 'of.')).toMatch(message);
  });
});

describe('value checks', () => {
  it.each([
    ['count', count({ min: 1, max: 3 }), [1, 3], [0, 4, 1.5, Infinity, '1']],
    ['unlimited count', count({ min: 0, unlimited: true }), [0, Infinity], [-1, NaN, null]],
    ['numberIn', numberIn(0, 5), [0, 2.5, 5], [-1, 6, Infinity, NaN, '2']],
    ['signal', SIGNAL, [new AbortController().signal], [{}, null, 5]],
    ['withMethods', withMethods('a logger', 'warn'), [{ warn() {} }, console], [5, null, {}, { warn: 1 }]],
  ])('%s', (_, { fits }, right, wrong: readonly unknown[]) => {
    expect(right.map((value) => fits(value))).toEqual(right.map(() => true));
    expect(wrong.map((value) => fits(value))).toEqual(wrong.map(() => false));
  });
});
