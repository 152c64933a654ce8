/** The totals of a number of runs. */
export class Figures {
  seeds = 0;
  virtualTime = 0;
  /** Processor time of all workers, ms. */
  cpu = 0;
  readonly counts = new Map<string, number>();
  private readonly began = Date.now();

  add(virtualTime: number, counts: Readonly<Record<string, number>>): void {
    this.seeds++;
    this.virtualTime += virtualTime;
    for (const [name, count] of Object.entries(counts)) this.counts.set(name, (this.counts.get(name) ?? 0) + count);
  }

  get seconds(): number {
    return (Date.now() - this.began) / 1000;
  }

  line(): string {
    const hours = (this.virtualTime / 3_600_000).toFixed(1);
    return `${this.seeds} seeds, ${hours} virtual hours, ${this.seconds.toFixed(0)} s, ${((1000 * this.seeds) / this.cpu).toFixed(0)} seeds a processor second`;
  }

  /** Returns a table of all counts, by name. */
  table(): string {
    const names = [...this.counts.keys()].sort();
    return names.map((name) => `${String(this.counts.get(name)).padStart(10)}  ${name}`).join('\n');
  }
}
