import { count } from '../common/count.js';
import { checkedTimeout, type Duration } from '../common/duration.js';
import { checkValues, FLAG, oneOf } from '../common/option-values.js';
import { namesOf } from '../../lib/option-names/index.js';
import { refuseUnknown } from '../common/known-options.js';
import type { EventContract } from '../contracts/event-contract.js';
import type { RpcContract } from '../contracts/rpc-contract.js';
import { checkedCompression, type Compress, type Compression } from '../serialization/compression.js';
import { PUBLISH_CHECKS, PUBLISH_OPTIONS, type PublishOptions } from './publish-options.js';

/**
 * Options for all messages of a publisher. Infinity means no limit for each number.
 *
 * @publicApi
 */
export interface PublisherOptions {
  /**
   * Time from a publish to its confirm, including waits, for publishes without their own timeout: ms from 1, or a
   * text such as `'10s'`. Default 30 s.
   */
  readonly timeout?: Duration;
  /** Maximum number of unconfirmed messages; further publishes wait. Default 10,000. */
  readonly maxInFlight?: number;
  /**
   * Maximum size of unconfirmed bodies in bytes; further publishes wait. A larger message is sent when no other is
   * unconfirmed. Default 67,108,864.
   */
  readonly maxInFlightBytes?: number;
  /**
   * Maximum number of waiting publishes. Publishes wait for confirms of earlier ones, for the connection, and while the
   * broker blocks it. Further publishes reject at once with `PublishRefusedError`; with 0, every publish that would
   * have to wait does. Default 100,000.
   */
  readonly maxWaiting?: number;
  /** Maximum size of the bodies of waiting publishes in bytes; further publishes reject at once. Default 67,108,864. */
  readonly maxWaitingBytes?: number;
  /**
   * Controls publishes while the connection is lost, not open yet, or blocked by the broker. `'wait'` keeps them until
   * their timeout, `'fail'` rejects them at once with `PublishRefusedError`. Default `'wait'`.
   */
  readonly whenUnavailable?: 'wait' | 'fail';
  /**
   * Send unconfirmed messages again after a reconnect; they may then arrive twice. With false, such a publish rejects
   * with `ConnectionLostError` and `outcome: 'unknown'`, and the caller decides. Default false.
   */
  readonly republishUnconfirmed?: boolean;
  /** Compresses bodies, for publishes without their own `compress`. Default: none. */
  readonly compress?: Compress;
}

/**
 * A publisher for one exchange, for {@link AmqpModule.forFeature}.
 *
 * @publicApi
 */
export interface PublisherDefinition extends PublisherOptions {
  /** Name for injection: `@InjectPublisher('orders')`. */
  readonly publisher: string;
  /**
   * The exchange to publish to, or the contract of its messages ({@link defineEvents}, {@link defineRpc}), which validates
   * each payload. `''` is the default exchange, whose routing keys are names of queues.
   */
  readonly exchange: string | EventContract | RpcContract;
  /** Name of the connection. Default: the connection without a name. */
  readonly connection?: string;
  /** Default options of every message; headers are merged with those of the publish. Default: none. */
  readonly defaults?: Omit<PublishOptions, 'messageId' | 'signal' | 'timeout' | 'delay' | 'at'>;
}

/**
 * Checks the options and converts the timeout to ms. @param what owner of the options, for errors @throws
 * ConfigurationError
 */
export function checkedPublisherOptions(what: string, options: PublisherOptions): CheckedPublisherOptions {
  refuseUnknown(what, options, PUBLISHER_OPTIONS);
  checkValues(what, options, {
    whenUnavailable: oneOf('wait', 'fail'),
    republishUnconfirmed: FLAG,
  });
  for (const [name, min] of LIMITS) {
    const limit = options[name];
    if (limit !== undefined) count(limit, `${what}: ${name}`, { min });
  }
  const { timeout, compress, ...others } = options;
  return {
    ...others,
    ...(timeout === undefined ? {} : { timeout: checkedTimeout(timeout, `${what}: timeout`) }),
    ...(compress === undefined ? {} : { compression: checkedCompression(`${what}: compress`, compress) }),
  };
}

const DEFAULTS = PUBLISH_OPTIONS.filter((name) => !['messageId', 'signal', 'timeout', 'delay', 'at'].includes(name));

/** Checks the defaults of a publisher's messages. @param what owner of the options, for errors @throws ConfigurationError */
export function checkDefaults(what: string, defaults: NonNullable<PublisherDefinition['defaults']>): void {
  refuseUnknown(what, defaults, DEFAULTS);
  checkedCompression(`${what}: compress`, defaults.compress);
  checkValues(what, defaults, PUBLISH_CHECKS);
}

/** Checked {@link PublisherOptions}. */
export interface CheckedPublisherOptions extends Omit<PublisherOptions, 'timeout' | 'compress'> {
  /** ms. */
  readonly timeout?: number;
  /** Undefined for none. */
  readonly compression?: Compression | undefined;
}

/** Names of the options. */
export const PUBLISHER_OPTIONS = namesOf({
  timeout: 0,
  maxInFlight: 0,
  maxInFlightBytes: 0,
  maxWaiting: 0,
  maxWaitingBytes: 0,
  whenUnavailable: 0,
  republishUnconfirmed: 0,
  compress: 0,
} satisfies Record<keyof PublisherOptions, 0>);

const LIMITS = [
  ['maxInFlight', 1],
  ['maxInFlightBytes', 1],
  ['maxWaiting', 0],
  ['maxWaitingBytes', 0],
] as const;
