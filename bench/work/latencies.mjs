/** Latencies that are kept. A run with more of them overwrites the oldest. */
const KEPT = 1 << 20;

/** Collects latencies without an allocation for each. */
export class Latencies {
  #values = new Float64Array(KEPT);
  #count = 0;

  get count() {
    return this.#count;
  }

  /** @param {number} milliseconds */
  add(milliseconds) {
    this.#values[this.#count++ % KEPT] = milliseconds;
  }

  clear() {
    this.#count = 0;
  }

  /** Returns `p50` and `p99` in µs. */
  percentiles() {
    const sorted = this.#values.subarray(0, Math.min(this.#count, KEPT)).toSorted();
    const percentile = (part) => sorted[Math.floor((sorted.length - 1) * part)] * 1000;
    return { p50: percentile(0.5), p99: percentile(0.99) };
  }
}
