/** One word of all patterns that share the words before it. */
class Node<T> {
  readonly next = new Map<string, Node<T>>();
  readonly values = new Set<T>();

  /** @param many true for the word `#`, which matches any number of words */
  constructor(readonly many: boolean) {}

  get empty(): boolean {
    return this.next.size === 0 && this.values.size === 0;
  }
}

/**
 * Topic patterns by their words (section 3.1.3.3): `*` stands for one word, `#` for any number, none included. Finding
 * what matches a key costs what matches, not what is bound: all patterns walk along the key together, and each node is
 * entered once a word, however many ways through `#` lead there.
 *
 *     a.*.c, a.#      root ─ a ─┬─ * ─ c
 *                               └─ #
 */
export class TopicTrie<T> {
  private readonly root = new Node<T>(false);

  add(pattern: string, value: T): void {
    let node = this.root;
    for (const word of wordsOf(pattern)) {
      let next = node.next.get(word);
      if (!next) node.next.set(word, (next = new Node<T>(word === '#')));
      node = next;
    }
    node.values.add(value);
  }

  /** Removes the value and the nodes that are no longer needed. */
  remove(pattern: string, value: T): void {
    const words = wordsOf(pattern);
    const path = [this.root];
    for (const word of words) {
      const next = path.at(-1)!.next.get(word);
      if (!next) return;
      path.push(next);
    }
    path.at(-1)!.values.delete(value);
    for (let depth = words.length; depth > 0 && path[depth]!.empty; depth--) {
      path[depth - 1]!.next.delete(words[depth - 1]!);
    }
  }

  /** Calls `found` once for the value of every matching pattern. */
  match(key: string, found: (value: T) => void): void {
    let current = new Set<Node<T>>();
    enter(current, this.root);
    for (const word of wordsOf(key)) {
      const following = new Set<Node<T>>();
      for (const node of current) {
        if (node.many) enter(following, node);
        enter(following, node.next.get(word));
        enter(following, node.next.get('*'));
      }
      current = following;
    }
    for (const node of current) for (const value of node.values) found(value);
  }
}

/** A `#` after a node may match no word, so reaching the node also reaches the `#`. */
function enter<T>(nodes: Set<Node<T>>, node: Node<T> | undefined): void {
  for (let at = node; at && !nodes.has(at); at = at.next.get('#')) nodes.add(at);
}

/** The empty key has no words. */
function wordsOf(key: string): string[] {
  return key === '' ? [] : key.split('.');
}
