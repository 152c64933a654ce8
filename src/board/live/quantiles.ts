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
  private current = new Float64Array(BUCKETS);
  private previous = new Float64Array(BUCKETS);
  private since: number;

  /** @param now ms */
  constructor(now: number) {
    this.since = now;
  }

  /**
   * @param ms the duration
   * @param weight number of durations that it stands for
   */
  record(ms: number, now: number, weight = 1): void {
    this.turn(now);
    const bucket = ms <= SMALLEST ? 0 : Math.ceil(Math.log(ms / SMALLEST) / STEP);
    this.current[Math.min(bucket, BUCKETS - 1)]! += weight;
  }

  /** Returns ms for each fraction, such as 0.95; undefined without values. */
  of(fractions: readonly number[], now: number): readonly number[] | undefined {
    this.turn(now);
    const counts = this.current.map((count, bucket) => count + this.previous[bucket]!);
    const total = counts.reduce((sum, count) => sum + count, 0);
    if (total === 0) return undefined;
    return fractions.map((fraction) => {
      let below = 0;
      let bucket = -1;
      while (below < fraction * total) below += counts[++bucket]!;
      return SMALLEST * Math.exp(STEP * Math.max(bucket, 0));
    });
  }

  private turn(now: number): void {
    const age = now - this.since;
    if (age < MINUTE) return;
    this.previous = age < 2 * MINUTE ? this.current : new Float64Array(BUCKETS);
    this.current = new Float64Array(BUCKETS);
    this.since = now;
  }
}
