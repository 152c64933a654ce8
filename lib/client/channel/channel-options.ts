import { FLAG, FUNCTION, count, numberFrom, oneOf, type OptionChecks } from '../../option-names/index.js';
import { PREFETCH, checkOptions, encodedPrefetch } from '../option-checks.js';
import type { PublisherSettings } from '../publishing/publisher-host.js';

/** Options of `openChannel()` and `channel()`. */
export interface ChannelOptions {
  /** Publisher confirms from the start, as by `confirmSelect()`. Default false. */
  readonly confirm?: boolean;
  /**
   * Maximum number of unacknowledged deliveries, for each consumer without its own `prefetch`; up to 65,535. 0 or
   * Infinity: no limit. Default 0.
   */
  readonly prefetch?: number;
  /**
   * After an error of the channel or a lost connection, open the channel anew with its QoS, confirm mode and consumers.
   * Default true.
   */
  readonly restore?: boolean;
  /**
   * Number of consecutive attempts to restore the channel, after which it closes with the error. An error within 2 s of
   * a restore that no call or publish has caused counts as a failed attempt. An error that a publish has caused (a
   * missing exchange, 404) never closes the channel for good: without confirms nobody gets that error, so the event
   * `lost` and the log report it, and the channel waits longer each time before it opens again, up to 2 s. Default 5.
   */
  readonly restoreAttempts?: number;
  /** Deadline from a publish to its confirm in ms; Infinity for none. Default 30,000. */
  readonly publishTimeout?: number;
  /** Maximum number of unconfirmed messages; further publishes wait. Default 10,000. */
  readonly maxUnconfirmed?: number;
  /**
   * Maximum bytes of the bodies of unconfirmed messages, which are kept until the confirm; further publishes wait. A
   * larger message is sent alone. Default 67,108,864.
   */
  readonly maxUnconfirmedBytes?: number;
  /**
   * Maximum number of publishes that wait for a reconnect, an unblocked broker or confirms; further publishes are
   * refused. Default 100,000.
   */
  readonly maxWaiting?: number;
  /** Maximum bytes of the bodies of waiting publishes; further publishes are refused. Default 67,108,864. */
  readonly maxWaitingBytes?: number;
  /**
   * Controls publishes while the connection is lost or blocked: `'wait'` keeps them until their deadline, `'fail'` rejects
   * them at once. Default `'wait'`.
   */
  readonly whenUnavailable?: 'wait' | 'fail';
  /**
   * Send unconfirmed messages again after a restore: at-least-once delivery instead of `outcome: 'unknown'`. Default
   * false.
   */
  readonly republishUnconfirmed?: boolean;
  /**
   * Check each exchange on a separate channel before the first publish to it; that publish and later ones wait
   * meanwhile. If the exchange is missing, the publishes to it reject with `NotFoundError`. Without this option a
   * missing exchange closes the channel, and the outcome of earlier publishes is unknown. Default false.
   */
  readonly findExchanges?: boolean;
  /**
   * Runs before the channel opens for the first time; publishes and calls wait for it. Default: none. It is called when the connection is
   * open, and again by the next connection if that one is lost meanwhile. If it rejects, the channel closes with the error.
   *
   * @example
   * ```ts
   * const declared = connection.withScratchChannel((scratch) => scratch.exchangeDeclare('orders', 'topic'));
   * const channel = connection.channel({ confirm: true, openAfter: () => declared });
   * ```
   */
  readonly openAfter?: () => Promise<unknown>;
}

export type ResolvedChannelOptions = Required<Omit<ChannelOptions, keyof PublisherSettings | 'openAfter'>> &
  PublisherSettings & { readonly openAfter: ChannelOptions['openAfter'] };

const LIMIT = count({ min: 1, unlimited: true });
const WAITING = count({ min: 0, unlimited: true });

/** The checks of the options. */
export const CHANNEL_CHECKS = {
  confirm: FLAG,
  prefetch: PREFETCH,
  restore: FLAG,
  restoreAttempts: LIMIT,
  publishTimeout: numberFrom(1),
  maxUnconfirmed: LIMIT,
  maxUnconfirmedBytes: LIMIT,
  maxWaiting: WAITING,
  maxWaitingBytes: WAITING,
  whenUnavailable: oneOf('wait', 'fail'),
  republishUnconfirmed: FLAG,
  findExchanges: FLAG,
  openAfter: FUNCTION,
} satisfies OptionChecks<ChannelOptions>;

/** The defaults of publishes: times in ms, sizes in bytes. */
export const publishDefaults = {
  publishTimeout: 30_000,
  maxUnconfirmed: 10_000,
  maxUnconfirmedBytes: 64 * 1024 * 1024,
  maxWaiting: 100_000,
  maxWaitingBytes: 64 * 1024 * 1024,
  whenUnavailable: 'wait',
  republishUnconfirmed: false,
} as const satisfies ChannelOptions;

/** @throws ConfigurationError that names the option */
export function resolveChannelOptions(options: ChannelOptions): ResolvedChannelOptions {
  checkOptions('channel', options, CHANNEL_CHECKS);
  return {
    confirm: options.confirm ?? false,
    prefetch: encodedPrefetch(options.prefetch ?? 0),
    restore: options.restore ?? true,
    restoreAttempts: options.restoreAttempts ?? 5,
    publishTimeout: options.publishTimeout ?? publishDefaults.publishTimeout,
    maxUnconfirmed: options.maxUnconfirmed ?? publishDefaults.maxUnconfirmed,
    maxUnconfirmedBytes: options.maxUnconfirmedBytes ?? publishDefaults.maxUnconfirmedBytes,
    maxWaiting: options.maxWaiting ?? publishDefaults.maxWaiting,
    maxWaitingBytes: options.maxWaitingBytes ?? publishDefaults.maxWaitingBytes,
    whenUnavailable: options.whenUnavailable ?? publishDefaults.whenUnavailable,
    republishUnconfirmed: options.republishUnconfirmed ?? publishDefaults.republishUnconfirmed,
    findExchanges: options.findExchanges ?? false,
    openAfter: options.openAfter,
  };
}
