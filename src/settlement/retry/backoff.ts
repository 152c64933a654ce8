import { ConfigurationError } from '../../../lib/client/index.js';
import { describeValue } from '../../common/described-value.js';
import { refuseUnknown } from '../../common/known-options.js';
import { milliseconds, type Duration } from '../../common/duration.js';

/**
 * Returns the delay before a retry in ms, or several delays of which one is picked at random. Each value needs a delay
 * queue, which is declared when the consumer starts. So the function must return the same values each time, and only a
 * few different ones.
 *
 * @example
 * ```ts
 * @AmqpConsumer('billing', { retry: { attempts: 4, backoff: (retry) => retry * 200 } })
 * ```
 *
 * @param retry number of the retry, from 1
 * @publicApi
 */
export type Backoff = (retry: number) => number | readonly number[];

/** Options of {@link exponential}. */
export interface ExponentialOptions {
  /** Factor from one delay to the next. Default 2. */
  readonly factor?: number;
  /**
   * Use the full delay or half of it, at random, so that messages that failed together do not return together. With a
   * factor of 2, half a delay equals the previous delay, so jitter needs only one additional queue. Default true.
   */
  readonly jitter?: boolean;
}

/**
 * Growing delays: `initial`, then each one `factor` times as long as the one before, up to `max`.
 *
 * @example
 * ```ts
 * @AmqpConsumer('billing', { retry: { attempts: 5, backoff: exponential('1s', '1m') } })
 * ```
 *
 * @throws ConfigurationError
 * @publicApi
 */
export function exponential(initial: Duration, max: Duration, options: ExponentialOptions = {}): Backoff {
  refuseUnknown('exponential', options, ['factor', 'jitter']);
  const { factor = 2, jitter = true } = options;
  const first = atLeastOne(milliseconds(initial, 'exponential: initial'));
  const last = atLeastOne(milliseconds(max, 'exponential: max'));
  if (last < first) throw new ConfigurationError(`exponential: max (${max}) is less than initial (${initial})`);
  if (typeof factor !== 'number' || !(factor >= 1)) {
    throw new ConfigurationError(`exponential: factor must be a number of at least 1; it is ${describeValue(factor)}`);
  }
  return (retry) => {
    const delay = Math.round(Math.min(last, first * factor ** (retry - 1)));
    return jitter ? [atLeastOne(Math.round(delay / 2)), delay] : [delay];
  };
}

/**
 * The same delay before each retry.
 *
 * @example
 * ```ts
 * @AmqpConsumer('billing', { retry: { attempts: 10, backoff: fixed('5s') } })
 * ```
 *
 * @throws ConfigurationError
 * @publicApi
 */
export function fixed(delay: Duration): Backoff {
  const ms = atLeastOne(milliseconds(delay, 'fixed'));
  return () => [ms];
}

/** Minimum delay, ms. A delay of 0 would loop at full speed. */
function atLeastOne(ms: number): number {
  return Math.max(1, ms);
}
