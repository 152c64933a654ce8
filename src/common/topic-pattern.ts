/** `*` stands for one word of a routing key, `#` for any number of words. */
const ONE = '*';
const ANY = '#';

/** Returns true if the pattern has wildcards as whole words; `a*` is an ordinary word. */
export function hasWildcards(pattern: string): boolean {
  return pattern.split('.').some((word) => word === ONE || word === ANY);
}

/**
 * Returns true if a topic exchange would route the key to a binding with this pattern
 * (https://www.rabbitmq.com/docs/exchanges#topic): `*` matches exactly one word, `#` none or more, at any position.
 * Empty words count; an empty key or pattern has no words.
 */
export function matchesTopic(pattern: string, routingKey: string): boolean {
  return matchesWords(toWords(pattern), toWords(routingKey));
}

/** Splits a pattern or routing key into words. */
export function toWords(key: string): readonly string[] {
  return key === '' ? [] : key.split('.');
}

/**
 * Does the same as {@link matchesTopic} for words. Each `#` takes as few words as possible. If the rest does not match,
 * the last `#` takes one word more. An earlier `#` never has to take more: the words between both match where they
 * matched first.
 */
export function matchesWords(pattern: readonly string[], words: readonly string[]): boolean {
  let part = 0;
  let word = 0;
  /** Position after the last `#`, and the first word that it has not taken. */
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
