import type { Clock } from '../../environment/index.js';
import { checkDuration } from '../option-checks.js';

/** One deadline for several consecutive waits. Each wait gets the remaining time. */
export class Deadline<O extends { readonly timeout?: number | undefined }> {
  private readonly at: number;

  /** @throws ConfigurationError for an invalid `timeout`. Without a timeout, each wait has its own default */
  constructor(
    private readonly clock: Pick<Clock, 'now'>,
    private readonly options: O,
  ) {
    checkDuration('timeout', options.timeout);
    this.at = clock.now() + (options.timeout ?? Infinity);
  }

  /** Returns the options with the remaining timeout, ms. */
  get left(): O {
    if (this.options.timeout === undefined) return this.options;
    return { ...this.options, timeout: Math.max(0, this.at - this.clock.now()) };
  }
}
