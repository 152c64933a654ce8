import { describe, expect, it } from '@jest/globals';
import { unknownOption } from './unknown-option.js';

const KNOWN = ['prefetch', 'gracePeriod', 'topology', 'url', 'persistent'];

describe('unknownOption', () => {
  it('says nothing when all names are known', () => {
    expect(unknownOption({ url: 1, prefetch: 2 }, KNOWN)).toBeUndefined();
  });

  it.each([
    ['prefech', 'prefetch'],
    ['prefetchCount', 'prefetch'],
    ['presistent', 'persistent'],
    ['topologie', 'topology'],
    ['graceperiod', 'gracePeriod'],
    ['urls', 'url'],
  ])('takes %s for %s, and lists all names', (given, meant) => {
    expect(unknownOption({ url: 1, [given]: 2 }, KNOWN)).toBe(
      `unknown option '${given}'; did you mean '${meant}'? Known are: ${KNOWN.join(', ')}`,
    );
  });

  it.each(['x', 'vhost', 'heartbeat', '__proto'])('guesses nothing for %s', (given) => {
    expect(unknownOption({ [given]: 1 }, KNOWN)).toBe(`unknown option '${given}'; known are: ${KNOWN.join(', ')}`);
  });

  it.each([
    [[{ name: 'orders' }], 'an array'],
    ['amqp://localhost', 'string'],
    [null, 'null'],
  ])('expects an object, not %j', (given, kind) => {
    expect(unknownOption(given as unknown as object, KNOWN)).toBe(
      `expected an object with options, got ${kind}; known are: ${KNOWN.join(', ')}`,
    );
  });
});
