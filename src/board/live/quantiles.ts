/** Each bucket ends 10 % above the one before. */
const STEP = Math.log(1.1);
/** The first bucket ends here, in ms. */
const SMALLEST = 0.01;
/** Up to 75 minutes. */
const BUCKETS = 208;
const MINUTE = 60_000;

/**
 * Quantiles of the durations of the last one to two minutes, each at most 10 % too high. The memory is constant, and
 * recording takes no longer with more values.
 */
export class Quantiles {
  private current = new Uint32Array(BUCKETS);
  private previous = new Uint32Array(BUCKETS);
  private since: number;

  /** @param now ms */
  constructor(now: number) {
    this.since = now;
  }

  /** @param ms the duration */
  record(ms: number, now: number): void {
    this.turn(now);
    const bucket = ms <= SMALLEST ? 0 : Math.ceil(Math.log(ms / SMALLEST) / STEP);
    this.current[Math.min(bucket, BUCKETS - 1)]!++;
  }

  /** Returns ms for each fraction, such as 0.95, of all values of several; undefined without values. */
  static of(all: readonly Quantiles[], fractions: readonly number[], now: number): readonly number[] | undefined {
    const counts = new Float64Array(BUCKETS);
    let total = 0;
    for (const quantiles of all) total += quantiles.addTo(counts, now);
    if (total === 0) return undefined;
    return fractions.map((fraction) => {
      let below = 0;
      let bucket = -1;
      while (below < fraction * total) below += counts[++bucket]!;
      return SMALLEST * Math.exp(STEP * Math.max(bucket, 0));
    });
  }

  /** @returns the number of values */
  private addTo(counts: Float64Array, now: number): number {
    this.turn(now);
    const { current, previous } = this;
    let total = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const count = current[bucket]! + previous[bucket]!;
      counts[bucket]! += count;
      total += count;
    }
    return total;
  }

  private turn(now: number): void {
    const age = now - this.since;
    if (age < MINUTE) return;
    this.previous = age < 2 * MINUTE ? this.current : new Uint32Array(BUCKETS);
    this.current = new Uint32Array(BUCKETS);
    this.since = now;
  }
}
