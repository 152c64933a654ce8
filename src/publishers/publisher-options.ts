import { ConfigurationError } from '../../lib/client/index.js';
import { count } from '../common/count.js';
import { describeValue } from '../common/described-value.js';
import { timeLimit, type Duration } from '../common/duration.js';
import { namesOf } from '../../lib/option-names/index.js';
import { refuseUnknown } from '../common/known-options.js';
import type { PublishOptions } from './publish-options.js';

/**
 * How a publisher treats all of its messages. Infinity is no limit, for each of its numbers.
 *
 * @publicApi
 */
export interface PublisherOptions {
  /**
   * From a publish to its confirm, waits included, for each publish that sets none of its own: milliseconds, or text as
   * `'10s'`. Default 30 s.
   */
  readonly timeout?: Duration;
  /** Messages without a confirm yet, at most; further publishes wait. Default 10,000. */
  readonly maxInFlight?: number;
  /** Bytes of their bodies, at most; further publishes wait. A larger message is sent alone. Default 67,108,864. */
  readonly maxInFlightBytes?: number;
  /**
   * Publishes that wait, at most: for confirms of those before them, for the connection, for a broker that blocks. Further
   * ones reject at once with `PublishRefusedError`; with 0 all do that would have to wait. Default 100,000.
   */
  readonly maxWaiting?: number;
  /** Bytes of bodies that wait, likewise. Default 67,108,864. */
  readonly maxWaitingBytes?: number;
  /**
   * What a publish does while the connection is lost, not there yet or blocked by the broker: wait within its deadline, or
   * reject at once with `PublishRefusedError`. Default `'wait'`.
   */
  readonly whenUnavailable?: 'wait' | 'fail';
  /**
   * Send again, after a reconnect, what was not confirmed: it may then arrive twice. By default it rejects with
   * `ConnectionLostError` and `outcome: 'unknown'`, and the caller decides. Default false.
   */
  readonly republishUnconfirmed?: boolean;
}

/**
 * A publisher for one exchange, for {@link AmqpModule.forFeature}.
 *
 * @publicApi
 */
export interface PublisherDefinition extends PublisherOptions {
  /** Name to inject it by: `@InjectPublisher('orders')`. */
  readonly publisher: string;
  /** Where it publishes to; `''` is the default exchange, whose routing keys are the names of queues. */
  readonly exchange: string;
  /** Name of the connection. Default: the one without a name. */
  readonly connection?: string;
  /** Of every message, unless a publish says otherwise; headers are merged. */
  readonly defaults?: Omit<PublishOptions, 'messageId' | 'signal' | 'timeout'>;
}

/** The same with the timeout in ms. @param what names the options in an error. @throws ConfigurationError */
export function checkedPublisherOptions(what: string, options: PublisherOptions): CheckedPublisherOptions {
  refuseUnknown(what, options, PUBLISHER_OPTIONS);
  const { whenUnavailable } = options;
  if (whenUnavailable !== undefined && whenUnavailable !== 'wait' && whenUnavailable !== 'fail') {
    throw new ConfigurationError(
      `${what}: whenUnavailable must be 'wait' or 'fail'; it is ${describeValue(whenUnavailable)}`,
    );
  }
  for (const [name, min] of LIMITS) {
    const limit = options[name];
    if (limit !== undefined) count(limit, `${what}: ${name}`, { min });
  }
  const { timeout, ...others } = options;
  return timeout === undefined ? others : { ...others, timeout: timeLimit(timeout, `${what}: timeout`) };
}

/** {@link PublisherOptions} that were checked. */
export interface CheckedPublisherOptions extends Omit<PublisherOptions, 'timeout'> {
  /** ms. */
  readonly timeout?: number;
}

/** Their names. */
export const PUBLISHER_OPTIONS = namesOf({
  timeout: 0,
  maxInFlight: 0,
  maxInFlightBytes: 0,
  maxWaiting: 0,
  maxWaitingBytes: 0,
  whenUnavailable: 0,
  republishUnconfirmed: 0,
} satisfies Record<keyof PublisherOptions, 0>);

const LIMITS = [
  ['maxInFlight', 1],
  ['maxInFlightBytes', 1],
  ['maxWaiting', 0],
  ['maxWaitingBytes', 0],
] as const;
