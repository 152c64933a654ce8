import type { Mutant } from './mutant.js';

/** The result of the hunt for one defect. */
export interface MutantResult {
  readonly mutant: Mutant;
  readonly seeds: number;
  /** Seconds of the processor. */
  readonly seconds: number;
  /** The violated invariant, with its text; undefined if the defect was not found. */
  readonly by: string | undefined;
  /** The limit of the hunt, seconds. */
  readonly limit: number;
}

const HEADER = ['| # | defect | seeds | seconds | rule |', '| --- | --- | --- | --- | --- |'];

/**
 * Returns the document with these results in the table of their world. Rows of defects that were not run now stay as they are,
 * rows of removed defects go, and rows of defects that never ran say so. The table is between two comments.
 */
export function withResults(
  text: string,
  world: string,
  mutants: readonly Mutant[],
  results: readonly MutantResult[],
): string {
  const [begin, end] = [`<!-- defects of ${world}: made by npm run simulate:mutants -- --write -->`, '<!-- end -->'];
  const from = text.indexOf(begin);
  const to = text.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error(`there is no table between '${begin}' and '${end}'`);
  const before = new Map<string, string>();
  for (const line of text.slice(from, to).split('\n')) {
    const [, , defect, ...rest] = line.split('|').map((cell) => cell.trim());
    if (defect !== undefined) before.set(defect, rest.slice(0, 3).join(' | '));
  }
  const rows = mutants.map((mutant, index) => {
    const defect = nameOf(mutant);
    const result = results.find((other) => other.mutant === mutant);
    return `| ${index + 1} | ${defect} | ${result ? cellsOf(result) : (before.get(defect) ?? 'not run | | ')} |`;
  });
  return `${text.slice(0, from)}${[begin, '', ...HEADER, ...rows, '', ''].join('\n')}${text.slice(to)}`;
}

function nameOf({ why, file }: Mutant): string {
  return `${why} (\`${file.split('/').at(-1)!}\`)`.replaceAll('|', '\\|');
}

function cellsOf({ seeds, seconds, by, limit }: MutantResult): string {
  if (by === undefined) return `not found | over ${limit} | `;
  return `${seeds} | ${seconds.toFixed(1)} | \`${by.split(':')[0]!.trim()}\``;
}
