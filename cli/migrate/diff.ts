const CONTEXT = 3;

interface Line {
  readonly sign: ' ' | '-' | '+';
  readonly text: string;
}

/** Returns the difference of two texts as `diff -u` prints it; empty when the texts are equal. */
export function unifiedDiff(path: string, before: string, after: string): string {
  if (before === after) return '';
  const lines = compare(before.split('\n'), after.split('\n'));
  const changed = lines.flatMap(({ sign }, at) => (sign === ' ' ? [] : [at]));
  const hunks: [number, number][] = [];
  for (const at of changed) {
    const last = hunks.at(-1);
    if (last && at - last[1] <= 2 * CONTEXT) last[1] = at;
    else hunks.push([at, at]);
  }
  const text = hunks.map(([first, last]) => {
    const from = Math.max(0, first - CONTEXT);
    const to = Math.min(lines.length, last + CONTEXT + 1);
    const count = (sign: string, slice: readonly Line[]): number =>
      slice.filter((line) => line.sign === ' ' || line.sign === sign).length;
    const [oldStart, newStart] = ['-', '+'].map((sign) => count(sign, lines.slice(0, from)) + 1);
    const hunk = lines.slice(from, to);
    const body = hunk.map((line) => `${line.sign}${line.text}`).join('\n');
    return `@@ -${oldStart},${count('-', hunk)} +${newStart},${count('+', hunk)} @@\n${body}\n`;
  });
  return `--- a/${path}\n+++ b/${path}\n${text.join('')}`;
}

/** Compares two texts by lines and keeps as many common lines in order as possible. */
function compare(before: readonly string[], after: readonly string[]): Line[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start++;
  let end = 0;
  while (
    end < before.length - start &&
    end < after.length - start &&
    before[before.length - 1 - end] === after[after.length - 1 - end]
  ) {
    end++;
  }
  const old = before.slice(start, before.length - end);
  const young = after.slice(start, after.length - end);
  const kept = (texts: readonly string[]): Line[] => texts.map((text) => ({ sign: ' ', text }));
  return [...kept(before.slice(0, start)), ...longestCommon(old, young), ...kept(before.slice(before.length - end))];
}

function longestCommon(old: readonly string[], young: readonly string[]): Line[] {
  const width = young.length + 1;
  const lengths = new Uint32Array((old.length + 1) * width);
  const at = (i: number, j: number): number => lengths[i * width + j] ?? 0;
  for (let i = old.length - 1; i >= 0; i--) {
    for (let j = young.length - 1; j >= 0; j--) {
      lengths[i * width + j] = old[i] === young[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const lines: Line[] = [];
  let i = 0;
  let j = 0;
  while (i < old.length || j < young.length) {
    if (i < old.length && j < young.length && old[i] === young[j]) {
      lines.push({ sign: ' ', text: old[i++] ?? '' });
      j++;
    } else if (i < old.length && (j === young.length || at(i + 1, j) >= at(i, j + 1))) {
      lines.push({ sign: '-', text: old[i++] ?? '' });
    } else lines.push({ sign: '+', text: young[j++] ?? '' });
  }
  return lines;
}
