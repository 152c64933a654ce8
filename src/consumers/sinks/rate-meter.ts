import type { Clock } from '../../../lib/environment/index.js';

/** Seconds over which a rate is averaged, unless another number is given. */
const WINDOW = 10;

/** Counts events. The rate is the average of the last full seconds of its window. */
export class RateMeter {
  private readonly buckets: number[];
  private second: number;
  private readonly begin: number;
  private sum = 0;

  /** @param window seconds */
  constructor(
    private readonly clock: Pick<Clock, 'now'>,
    private readonly window = WINDOW,
  ) {
    this.buckets = new Array<number>(window + 1).fill(0);
    this.begin = this.second = this.current();
  }

  /** The number of all events. */
  get total(): number {
    return this.sum;
  }

  /** The number of events in the window and in the present second. */
  get recent(): number {
    this.advance();
    return this.buckets.reduce((sum, bucket) => sum + bucket, 0);
  }

  get perSecond(): number {
    this.advance();
    const seconds = Math.min(this.window, this.second - this.begin);
    if (seconds === 0) return 0;
    const { length } = this.buckets;
    let recent = 0;
    for (let ago = 1; ago <= seconds; ago++) recent += this.buckets[(this.second - ago) % length] as number;
    return recent / seconds;
  }

  add(): void {
    this.advance();
    this.sum++;
    (this.buckets[this.second % this.buckets.length] as number)++;
  }

  private advance(): void {
    const second = this.current();
    const { length } = this.buckets;
    const skipped = Math.min(second - this.second, length);
    for (let step = 1; step <= skipped; step++) this.buckets[(this.second + step) % length] = 0;
    this.second = second;
  }

  private current(): number {
    return Math.floor(this.clock.now() / 1_000);
  }
}
