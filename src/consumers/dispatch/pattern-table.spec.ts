import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { hasWildcards, matchesTopic, toWords } from '../../common/topic-pattern.js';
import { bySpecificity, PatternTable } from './pattern-table.js';

const tableOf = (...patterns: string[]): PatternTable<string> =>
  new PatternTable(new Map(patterns.map((one) => [one, one])));

/** Compares all patterns that fit, one by one. */
function mostSpecific(patterns: readonly string[], key: string): string | undefined {
  if (patterns.some((pattern) => pattern === key && !hasWildcards(pattern))) return key;
  const fitting = patterns.filter((pattern) => hasWildcards(pattern) && matchesTopic(pattern, key));
  return fitting.sort((a, b) => bySpecificity(toWords(a), toWords(b)))[0];
}

describe('PatternTable', () => {
  it.each([
    ['order.created', ['order.*', 'order.created', '#'], 'order.created'],
    ['order.paid', ['order.*', 'order.created', '#'], 'order.*'],
    ['order.paid.late', ['order.*', 'order.created', '#'], '#'],
    ['order.eu.paid', ['order.*.paid', 'order.eu.#'], 'order.eu.#'],
    ['order.eu.paid', ['#.paid', '*.eu.paid', 'order.#'], 'order.#'],
    ['order', ['order.#', '*'], 'order.#'],
    ['a.x.a', ['#.a', '#.a.*.a'], '#.a.*.a'],
    ['x.y.a.b', ['#.*.#', '#.a.b'], '#.a.b'],
    ['', ['#', ''], ''],
    ['', ['*', '#'], '#'],
    ['a.', ['a.*'], 'a.*'],
    ['order.paid', ['order.created', 'payment.*'], undefined],
  ])('of the patterns that fit %p, %p, it takes %p', (key, patterns, expected) => {
    expect(tableOf(...patterns).find(key)).toBe(expected);
    expect(tableOf(...patterns.toReversed()).find(key)).toBe(expected);
  });

  it('takes a pattern that equals the key only if it fits: a key may contain wildcards', () => {
    expect(tableOf('order.*').find('order.*')).toBe('order.*');
    expect(tableOf('*').find('order.*')).toBeUndefined();
  });

  it('takes the most specific of the patterns that a topic exchange would route by, in whatever order they come', () => {
    const word = fc.constantFrom('a', 'b', '');
    const key = fc.array(word, { maxLength: 5 }).map((all) => all.join('.'));
    const pattern = fc.array(fc.oneof(word, fc.constantFrom('*', '#')), { maxLength: 5 }).map((all) => all.join('.'));
    fc.assert(
      fc.property(fc.uniqueArray(pattern, { maxLength: 12 }), key, (patterns, text) => {
        expect(tableOf(...patterns).find(text)).toBe(mostSpecific(patterns, text));
      }),
      { numRuns: 2_000 },
    );
  });

  it('gives the same answer again after a key that fits nothing', () => {
    const table = tableOf('a.*', '#.b.#.c');
    expect(['a.x', 'x', 'a.x', 'b.c', 'b', 'b.x.c'].map((key) => table.find(key))).toEqual([
      'a.*', undefined, 'a.*', '#.b.#.c', undefined, '#.b.#.c',
    ]); // prettier-ignore
  });

  it('walks along a long key once, even if a pattern has many #', () => {
    const pattern = Array.from({ length: 60 }, () => '#.a').join('.');
    const table = tableOf(pattern, '#.c');
    // Trying every way through sixty #, this would not end.
    expect(table.find(Array.from({ length: 120 }, () => 'a').join('.'))).toBe(pattern);
    expect(table.find(`${Array.from({ length: 120 }, () => 'a').join('.')}.b`)).toBeUndefined();
  });
});
