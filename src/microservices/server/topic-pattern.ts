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
  return matchesWords(toWords(pattern), toWords(routingKey));
}

/** The words of a pattern or routing key. */
export function toWords(key: string): readonly string[] {
  return key === '' ? [] : key.split('.');
}

/**
 * As {@link matchesTopic}, of words. Each `#` takes as few words as it can; where the rest does not fit, the last `#` takes
 * one word more. An earlier `#` never has to: what stands between the two fits where it stood first.
 */
export function matchesWords(pattern: readonly string[], words: readonly string[]): boolean {
  let part = 0;
  let word = 0;
  /** Behind the last `#`, and the first word that it has not taken. */
  let behindAny = -1;
  let untaken = 0;
  while (word < words.length) {
    if (pattern[part] === ANY) {
      behindAny = ++part;
      untaken = word;
    } else if (part < pattern.length && (pattern[part] === ONE || pattern[part] === words[word])) {
      part++;
      word++;
    } else if (behindAny >= 0) {
      part = behindAny;
      word = ++untaken;
    } else return false;
  }
  while (pattern[part] === ANY) part++;
  return part === pattern.length;
}
