// oxlint-disable-next-line no-control-regex -- they are what is to be kept out
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g;
/** Maximum characters of a cell. */
const MAX_CELL = 80;
const NOTHING = '-';

export type Cell = string | number | undefined;

/** Returns foreign text for a terminal, which would obey control characters in it. */
export function plain(text: string, max = MAX_CELL): string {
  const line = text.replace(CONTROL, ' ').trim();
  return line.length > max ? `${line.slice(0, max - 1)}…` : line;
}

/** Lays rows out under their titles. Numbers are aligned on the right. Empty without rows. */
export function table(titles: readonly string[], rows: readonly (readonly Cell[])[]): string {
  if (rows.length === 0) return '';
  const lines = [titles, ...rows].map((row) =>
    row.map((cell) => (cell === undefined || cell === '' ? NOTHING : plain(String(cell)))),
  );
  const widths = titles.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  const isNumber = titles.map((_, column) => rows.every((row) => typeof (row[column] ?? 0) === 'number'));
  const pad = (cell: string, column: number): string =>
    isNumber[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!);
  return lines.map((line) => `${line.map(pad).join('  ').trimEnd()}\n`).join('');
}

/** Returns JSON without characters that a terminal obeys. */
export const json = (value: unknown): string =>
  `${JSON.stringify(value, null, 2).replace(/[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`)}\n`;
