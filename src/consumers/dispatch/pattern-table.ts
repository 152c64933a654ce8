import { hasWildcards, toWords } from '../../common/topic-pattern.js';

/** A pattern and its value. */
interface Entry<T> {
  readonly pattern: string;
  readonly value: T;
  /** Its place in the order of the patterns; 0 is the most specific. */
  readonly rank: number;
}

/** One word of all patterns that share the words before it. */
class Node<T> {
  readonly words = new Map<string, Node<T>>();
  /** The word `*`. */
  one: Node<T> | undefined;
  /** The word `#`. */
  any: Node<T> | undefined;
  /** The pattern that ends here. */
  entry: Entry<T> | undefined;
  /** The least rank of all patterns that begin with these words. */
  least = Infinity;

  constructor(readonly id: number) {}

  /** True if no pattern continues here. */
  get isLast(): boolean {
    return this.words.size === 0 && !this.one && !this.any;
  }
}

/**
 * Finds the value of the most specific pattern that fits a key, by the rules of topic exchanges: `*` stands for one word,
 * `#` for any number of words (https://www.rabbitmq.com/docs/exchanges#topic).
 *
 * A pattern without wildcards is an entry of a Map and the most specific of all. Patterns with wildcards are a trie of
 * their words, and are compared word by word: a word is more specific than `*`, `*` more specific than the end of the
 * pattern, and the end more specific than `#`. Two patterns that differ only in words are ordered by these words.
 */
export class PatternTable<T> {
  private readonly exact = new Map<string, T>();
  private readonly root: Node<T>;
  private nodes = 0;
  /** True if a pattern has several `#`, so that one place of a key can be reached in several ways. */
  private readonly deep: boolean;
  // The search that is under way. A search never waits, so there is one at a time.
  private key = '';
  private best: Entry<T> | undefined;
  private seen: Set<number> | undefined;

  /** @param values by their patterns */
  constructor(values: ReadonlyMap<string, T>) {
    this.root = this.node();
    const wild = [...values].filter(([pattern]) => hasWildcards(pattern));
    for (const [pattern, value] of values) if (!hasWildcards(pattern)) this.exact.set(pattern, value);
    wild.sort(([a], [b]) => bySpecificity(toWords(a), toWords(b)));
    for (const [rank, [pattern, value]] of wild.entries()) this.add({ pattern, value, rank });
    this.deep = wild.some(([pattern]) => toWords(pattern).filter((word) => word === '#').length > 1);
  }

  /** Returns the value of the most specific pattern that fits; undefined if none does. */
  find(key: string): T | undefined {
    const value = this.exact.get(key);
    if (value !== undefined || this.root.isLast) return value;
    this.key = key;
    this.best = undefined;
    if (this.deep) this.seen = new Set();
    // An empty key has no words.
    this.search(this.root, key === '' ? 1 : 0);
    return (this.best as Entry<T> | undefined)?.value;
  }

  private add(entry: Entry<T>): void {
    let node = this.root;
    for (const word of toWords(entry.pattern)) {
      node.least = Math.min(node.least, entry.rank);
      if (word === '*') node = node.one ??= this.node();
      else if (word === '#') node = node.any ??= this.node();
      else {
        let next = node.words.get(word);
        if (!next) node.words.set(word, (next = this.node()));
        node = next;
      }
    }
    node.least = Math.min(node.least, entry.rank);
    node.entry = entry;
  }

  private node(): Node<T> {
    return new Node<T>(this.nodes++);
  }

  /**
   * Notes the best entry of this node and the nodes behind it. The word of the key at `start` is the next one; behind the
   * last word, `start` is greater than the length of the key.
   */
  private search(node: Node<T>, start: number): void {
    const { key, seen } = this;
    if (this.best && node.least >= this.best.rank) return;
    if (seen) {
      const place = node.id * (key.length + 2) + start;
      if (seen.has(place)) return;
      seen.add(place);
    }
    if (start > key.length) this.note(node.entry);
    else if (node.one || node.words.size > 0) {
      const end = endOfWord(key, start);
      const next = node.words.size > 0 ? node.words.get(key.slice(start, end)) : undefined;
      if (next) this.search(next, end + 1);
      if (node.one) this.search(node.one, end + 1);
    }
    const { any } = node;
    if (!any) return;
    if (any.isLast) this.note(any.entry);
    else
      for (let at = start; ; at = endOfWord(key, at) + 1) {
        this.search(any, at);
        if (at > key.length) return;
      }
  }

  private note(entry: Entry<T> | undefined): void {
    if (entry && (!this.best || entry.rank < this.best.rank)) this.best = entry;
  }
}

function endOfWord(key: string, start: number): number {
  const dot = key.indexOf('.', start);
  return dot < 0 ? key.length : dot;
}

/** A negative number if `a` is more specific. */
export function bySpecificity(a: readonly string[], b: readonly string[]): number {
  for (let at = 0; at < a.length || at < b.length; at++) {
    const difference = weight(a[at]) - weight(b[at]);
    if (difference !== 0) return difference;
    if (a[at] !== b[at]) return a[at]! < b[at]! ? -1 : 1;
  }
  return 0;
}

function weight(word: string | undefined): number {
  if (word === undefined) return 2;
  return word === '*' ? 1 : word === '#' ? 3 : 0;
}
