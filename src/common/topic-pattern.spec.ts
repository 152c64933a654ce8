import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { hasWildcards, matchesTopic } from './topic-pattern.js';

/** The definition, word for word and without a thought of its cost. */
function reference(pattern: readonly string[], key: readonly string[]): boolean {
  const [part, ...rest] = pattern;
  if (part === undefined) return key.length === 0;
  if (part === '#') return reference(rest, key) || (key.length > 0 && reference(pattern, key.slice(1)));
  return key.length > 0 && (part === '*' || part === key[0]) && reference(rest, key.slice(1));
}

describe('matchesTopic', () => {
  it.each([
    ['a.b', 'a.b', true],
    ['a.b', 'a.c', false],
    ['a.*', 'a.b', true],
    ['a.*', 'a', false],
    ['a.*', 'a.b.c', false],
    ['*.b', 'a.b', true],
    ['*', '', false],
    ['#', '', true],
    ['#', 'a.b.c', true],
    ['a.#', 'a', true],
    ['a.#.z', 'a.z', true],
    ['a.#.z', 'a.b.c.z', true],
    ['a.#.z', 'a.b.c', false],
    ['#.z', 'z', true],
    ['#.*', '', false],
    ['#.#', '', true],
    ['*.#.*', 'a', false],
    ['*.#.*', 'a.b', true],
    ['a*', 'ab', false],
    ['', '', true],
    ['a.', 'a.', true],
    ['a.*', 'a.', true],
  ])('%j and %j: %j', (pattern, key, matches) => {
    expect(matchesTopic(pattern, key)).toBe(matches);
  });

  it('says what the definition says', () => {
    const words = (...alphabet: string[]) => fc.array(fc.constantFrom(...alphabet), { minLength: 1, maxLength: 7 });
    fc.assert(
      fc.property(words('a', 'b', '*', '#'), words('a', 'b'), (pattern, key) => {
        expect(matchesTopic(pattern.join('.'), key.join('.'))).toBe(reference(pattern, key));
      }),
      { numRuns: 2_000 },
    );
  });

  it('takes no longer for many wildcards: the key is the client’s', () => {
    const pattern = Array.from({ length: 40 }, () => '#').join('.');
    const key = Array.from({ length: 120 }, () => 'a').join('.');
    expect(matchesTopic(`${pattern}.b`, key)).toBe(false);
  });
});

describe('hasWildcards', () => {
  it.each([
    ['a.b', false],
    ['a.*', true],
    ['#', true],
    ['a*.b#', false],
  ])('%j: %j', (pattern, has) => {
    expect(hasWildcards(pattern)).toBe(has);
  });
});
