import type { Random } from './random.js';

/** Number of events that are chosen in a second, on average. */
const PER_SECOND = 20;
/** Number of chosen events in one second after which the others of that second become half as likely to be chosen. */
const MOST = 2 * PER_SECOND;
const SECOND = 1_000;

/**
 * Chooses some events of many at random, for measurements that cost too much for each event. Every event is chosen with the
 * probability 1 / weight, whatever the events before it were, so a chosen event stands for `weight` events: sums and quantiles
 * with these weights are right on average. The weight follows the rate of the events, once a second.
 *
 * @example
 * ```ts
 * const weight = sampler.take(clock.now());
 * if (weight > 0) measure(event, weight);
 * ```
 */
export class Sampler {
  private weight = 1;
  /** Number of events until the next chosen one. */
  private left = 1;
  private count = 0;
  private chosen = 0;
  private since = -Infinity;

  constructor(private readonly random: Pick<Random, 'next'>) {}

  /**
   * Takes the next event. Returns the number of events that it stands for; 0 if it is not chosen.
   *
   * @param now ms
   */
  take(now: number): number {
    if (now - this.since >= SECOND) this.adapt(now);
    this.count++;
    if (--this.left > 0) return 0;
    const { weight } = this;
    if (++this.chosen === MOST) {
      this.chosen = 0;
      this.weight *= 2;
    }
    this.left = this.gap();
    return weight;
  }

  /** Chooses the weight by the rate since the last time. */
  private adapt(now: number): void {
    const seconds = (now - this.since) / SECOND;
    this.weight = Math.max(1, Math.round(this.count / seconds / PER_SECOND));
    this.left = this.gap();
    this.count = this.chosen = 0;
    this.since = now;
  }

  /**
   * Returns the number of trials until a success of probability 1 / weight (geometric distribution). It has no memory, so it may be
   * drawn anew at any time.
   */
  private gap(): number {
    if (this.weight === 1) return 1;
    return 1 + Math.floor(Math.log(1 - this.random.next()) / Math.log(1 - 1 / this.weight));
  }
}
