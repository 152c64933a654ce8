import type { Clock } from '../../environment/index.js';
import { checkDuration } from '../option-checks.js';

/** One deadline over several waits in a row: each gets what is left of it. */
export class Deadline<O extends { readonly timeout?: number | undefined }> {
  private readonly at: number;

  /** @throws ConfigurationError for no such `timeout`. Without any, each wait has its own default */
  constructor(
    private readonly clock: Pick<Clock, 'now'>,
    private readonly options: O,
  ) {
    checkDuration('timeout', options.timeout);
    this.at = clock.now() + (options.timeout ?? Infinity);
  }

  /** The options, with what is left of the timeout, ms. */
  get left(): O {
    if (this.options.timeout === undefined) return this.options;
    return { ...this.options, timeout: Math.max(0, this.at - this.clock.now()) };
  }
}
