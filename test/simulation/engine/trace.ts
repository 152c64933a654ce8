// Jest looks up each global through an interceptor.
const { imul } = Math;

/** The number of last lines that are kept, unless all are wanted. */
const KEPT = 400;

/** The events of a run, line by line, with a hash over all lines. Two runs of one seed must have the same hash. */
export class Trace {
  private readonly kept: string[] = [];
  private high = 0x811c9dc5;
  private low = 0x1000193;
  count = 0;

  constructor(
    private readonly now: () => number,
    private readonly kind: 'all' | 'end' | 'none',
  ) {}

  /** The trace is used. */
  get wanted(): boolean {
    return this.kind !== 'none';
  }

  /** @param who a short name of the part that reports */
  add(who: string, what: string): void {
    if (!this.wanted) return;
    const line = `${this.now().toFixed(3).padStart(11)}  ${who.padEnd(8)} ${what}`;
    this.hashIn(line);
    this.count++;
    this.kept.push(line);
    if (this.kind === 'end' && this.kept.length > 2 * KEPT) this.kept.splice(0, KEPT);
  }

  /** Hashes with local variables: a field that is no small integer is an allocation for each character. */
  private hashIn(line: string): void {
    let { high, low } = this;
    for (let at = 0; at < line.length; at++) {
      const code = line.charCodeAt(at);
      high = imul(high ^ code, 0x01000193);
      low = imul(low ^ code, 0x85ebca6b) + 1;
    }
    this.high = high;
    this.low = low;
  }

  get hash(): string {
    return ((this.high >>> 0) * 0x100000 + ((this.low >>> 0) & 0xfffff)).toString(16);
  }

  /** The last lines, or all. */
  get lines(): readonly string[] {
    return this.kept;
  }
}
