import { ConfigurationError } from '../../../lib/client/index.js';
import { describeValue } from '../../common/described-value.js';
import { refuseUnknown } from '../../common/known-options.js';
import { milliseconds, type Duration } from '../../common/duration.js';

/**
 * How long to wait before a retry, in ms: one delay, or several of which one is chosen at random. Each value is a delay queue
 * on the broker, declared when the consumer starts; so the function has to give the same values each time, and few
 * different ones.
 *
 * @example
 * ```ts
 * @AmqpConsumer('billing', { retry: { attempts: 4, backoff: (retry) => retry * 200 } })
 * ```
 *
 * @param retry the retry that is due, from 1
 * @publicApi
 */
export type Backoff = (retry: number) => number | readonly number[];

/** Options of {@link exponential}. */
export interface ExponentialOptions {
  /** From one delay to the next. Default 2. */
  readonly factor?: number;
  /**
   * Take either the delay or half of it, at random, so that messages which failed together do not all come back
   * together. With the factor 2 half a delay is the one before, and costs one delay queue in all. Default true.
   */
  readonly jitter?: boolean;
}

/**
 * Delays that grow: `initial`, then `factor` times as long each, `max` at most.
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
  const last = milliseconds(max, 'exponential: max');
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
 * The same delay each time.
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

/** A delay of nothing would be a loop as fast as the broker can send. */
function atLeastOne(ms: number): number {
  return Math.max(1, ms);
}
