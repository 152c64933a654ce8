import { systemRandom, type Random } from './random.js';

/** Exponential backoff with full jitter: the wait is drawn between 0 and a limit that doubles. All times in ms. */
export class Backoff {
  private attempt = 0;

  constructor(
    private readonly initial: number,
    private readonly max: number,
    private readonly random: Pick<Random, 'next'> = systemRandom,
  ) {}

  /** Returns the wait before the next attempt. */
  next(): number {
    // 2^30 is beyond any real maximum; more would overflow for a connection that has been down for months.
    const ceiling = Math.min(this.max, this.initial * 2 ** Math.min(this.attempt++, 30));
    return this.random.next() * ceiling;
  }

  reset(): void {
    this.attempt = 0;
  }
}
