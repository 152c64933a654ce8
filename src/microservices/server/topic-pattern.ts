/** One word of a routing key, and any number of them. */
const ONE = '*';
const ANY = '#';

/** Whether a pattern has wildcards, as whole words; `a*` is a word like any other. */
export function hasWildcards(pattern: string): boolean {
  return pattern.split('.').some((word) => word === ONE || word === ANY);
}

/**
 * Whether a topic exchange would route the key to a binding by this pattern
 * (https://www.rabbitmq.com/docs/exchanges#topic): `*` is exactly one word, `#` none or more, wherever they stand. Empty
 * words count, and an empty key or pattern has no word at all.
 */
export function matchesTopic(pattern: string, routingKey: string): boolean {
  const words = wordsOf(routingKey);
  // Which numbers of words the pattern so far can have taken: linear in both, however many `#` there are.
  let reached = new Set([0]);
  for (const part of wordsOf(pattern)) {
    const next = new Set<number>();
    if (part === ANY) {
      for (let taken = Math.min(...reached); taken <= words.length; taken++) next.add(taken);
    } else {
      for (const taken of reached) {
        if (taken < words.length && (part === ONE || part === words[taken])) next.add(taken + 1);
      }
    }
    if (next.size === 0) return false;
    reached = next;
  }
  return reached.has(words.length);
}

function wordsOf(key: string): string[] {
  return key === '' ? [] : key.split('.');
}
