/**
 * Describes the first unknown name among `given`: `unknown option 'prefech'; did you mean 'prefetch'? Known are: …`.
 * Returns undefined if all names are known. Untyped callers may give something else than an object, which is described,
 * too.
 */
export function unknownOption(given: object, known: readonly string[]): string | undefined {
  const kind = kindOf(given);
  if (kind !== 'object') return `expected an object with options, got ${kind}; known are: ${known.join(', ')}`;
  const name = Object.keys(given).find((one) => !known.includes(one));
  if (name === undefined) return undefined;
  const near = closest(name, known);
  const hint = near === undefined ? '' : ` did you mean '${near}'?`;
  return `unknown option '${name}';${hint} ${hint === '' ? 'known' : 'Known'} are: ${known.join(', ')}`;
}

function kindOf(given: unknown): string {
  if (Array.isArray(given)) return 'an array';
  return given === null ? 'null' : typeof given;
}

/**
 * Returns the known name that was probably meant: up to a third of its letters may differ, or one name begins with the
 * other.
 */
function closest(name: string, known: readonly string[]): string | undefined {
  const wanted = name.toLowerCase();
  const candidates = known
    .map((one) => ({ one, distance: distanceOf(wanted, one.toLowerCase()) }))
    .filter(({ one, distance }) => distance <= Math.max(1, Math.floor(one.length / 3)) || shareAWord(wanted, one));
  candidates.sort((a, b) => a.distance - b.distance);
  return candidates[0]?.one;
}

/** `prefetchCount` and `prefetch`, `queueName` and `queue`: one of the two begins with the other. */
function shareAWord(wanted: string, known: string): boolean {
  const one = known.toLowerCase();
  return Math.min(wanted.length, one.length) >= 3 && (wanted.startsWith(one) || one.startsWith(wanted));
}

/** Counts letters to insert, drop, replace or swap with their neighbour (optimal string alignment). */
function distanceOf(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const next = [row];
    for (let column = 1; column <= b.length; column++) {
      const replaced = last[column - 1]! + (a[row - 1] === b[column - 1] ? 0 : 1);
      next[column] = Math.min(replaced, last[column]! + 1, next[column - 1]! + 1);
      const exchanged = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (exchanged) next[column] = Math.min(next[column]!, before[column - 2]! + 1);
    }
    before = last;
    last = next;
  }
  return last[b.length]!;
}
