import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { TopicTrie } from './topic-trie.js';

/** Section 3.1.3.3, word by word, without any thought of its cost. */
function matches(pattern: readonly string[], key: readonly string[]): boolean {
  const [word, ...rest] = pattern;
  if (word === undefined) return key.length === 0;
  if (word === '#') return matches(rest, key) || (key.length > 0 && matches(pattern, key.slice(1)));
  return key.length > 0 && (word === '*' || word === key[0]) && matches(rest, key.slice(1));
}

const words = (text: string): string[] => (text === '' ? [] : text.split('.'));

function found(trie: TopicTrie<string>, key: string): string[] {
  const values: string[] = [];
  trie.match(key, (value) => values.push(value));
  return values.sort();
}

describe('TopicTrie', () => {
  const word = fc.constantFrom('a', 'b', '');
  const key = fc.array(word, { maxLength: 5 }).map((all) => all.join('.'));
  const pattern = fc.array(fc.oneof(word, fc.constantFrom('*', '#')), { maxLength: 5 }).map((all) => all.join('.'));

  it('finds what the specification says, each once, whatever was added and removed', () => {
    fc.assert(
      fc.property(fc.uniqueArray(pattern), fc.array(fc.nat(20)), key, (patterns, removed, text) => {
        const trie = new TopicTrie<string>();
        for (const added of patterns) trie.add(added, added);
        const gone = new Set(removed.map((index) => patterns[index]));
        for (const other of gone) if (other !== undefined) trie.remove(other, other);
        const left = patterns.filter((one) => !gone.has(one));
        expect(found(trie, text)).toEqual(left.filter((one) => matches(words(one), words(text))).sort());
      }),
    );
  });

  it('costs what matches, not what is bound: 100,000 patterns, 10,000 keys', () => {
    const trie = new TopicTrie<string>();
    for (let index = 0; index < 100_000; index++) trie.add(`app.${index}.*.event`, `${index}`);
    let count = 0;
    for (let index = 0; index < 10_000; index++) trie.match(`app.${index}.x.event`, () => count++);
    // Walking all of them for each key, this would take hours.
    expect(count).toBe(10_000);
  });

  it('many # in a pattern cost no more than the words of the key times the words of the pattern', () => {
    const trie = new TopicTrie<string>();
    trie.add(Array.from({ length: 60 }, () => '#.a').join('.'), 'deep');
    // Trying every way through sixty #, this would not end.
    expect(found(trie, Array.from({ length: 120 }, () => 'a').join('.'))).toEqual(['deep']);
    expect(found(trie, `${Array.from({ length: 120 }, () => 'a').join('.')}.b`)).toEqual([]);
  });

  it('is empty when all is removed', () => {
    const trie = new TopicTrie<string>();
    for (const one of ['a.*.#', 'a.*', '#']) trie.add(one, one);
    for (const one of ['a.*', '#', 'a.*.#']) trie.remove(one, one);
    expect(trie).toEqual(new TopicTrie<string>());
  });
});
