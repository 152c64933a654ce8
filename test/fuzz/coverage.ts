import { Session, type Profiler } from 'node:inspector/promises';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Counts the lines of code that have run, with V8. Start it before the code is loaded. */
export class LineCoverage {
  private constructor(private readonly session: Session) {}

  static async start(): Promise<LineCoverage> {
    const session = new Session();
    session.connect();
    await session.post('Profiler.enable');
    await session.post('Profiler.startPreciseCoverage', {
      callCount: true,
      detailed: true,
    });
    return new LineCoverage(session);
  }

  /** Returns a line for each file whose URL contains `folder`, the least covered first, and one line for all of them. */
  async report(folder: string): Promise<string> {
    const { result } = await this.session.post('Profiler.takePreciseCoverage');
    this.session.disconnect();
    const files = result
      .filter(({ url }) => url.startsWith('file:') && url.includes(folder))
      .map((script) => ({
        name: script.url.slice(script.url.indexOf(folder) + 1),
        ...countLines(readFileSync(fileURLToPath(script.url), 'utf8'), script.functions),
      }))
      .sort(
        (one, other) => one.covered / one.lines - other.covered / other.lines || one.name.localeCompare(other.name),
      );
    const sum = (what: 'covered' | 'lines'): number => files.reduce((total, file) => total + file[what], 0);
    const all = { name: 'all', covered: sum('covered'), lines: sum('lines') };
    return [...files, all].map(({ name, covered, lines }) => {
      const share = lines === 0 ? 100 : (100 * covered) / lines;
      return `${share.toFixed(1).padStart(6)} % of ${String(lines).padStart(5)} lines  ${name}`;
    }).join('\n'); // prettier-ignore
  }
}

/** Counts the lines with code: lines that are not empty, no comments, and more than brackets. */
export function countLines(
  source: string,
  functions: readonly Pick<Profiler.FunctionCoverage, 'ranges'>[],
): { covered: number; lines: number } {
  const ran = new Uint8Array(source.length).fill(1);
  // The ranges run from the outermost to the innermost, which decides.
  const ranges = functions.flatMap((one) => one.ranges).sort((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset); // prettier-ignore
  for (const { startOffset, endOffset, count } of ranges) ran.fill(count > 0 ? 1 : 0, startOffset, endOffset);
  let [covered, lines, at, comment] = [0, 0, 0, false];
  for (const line of source.split('\n')) {
    const text = line.trim();
    comment ||= text.startsWith('/*');
    if (!comment && !text.startsWith('//') && /[a-z0-9]/i.test(text)) {
      lines++;
      covered += ran[at + line.indexOf(text)]!;
    }
    if (text.endsWith('*/')) comment = false;
    at += line.length + 1;
  }
  return { covered, lines };
}
