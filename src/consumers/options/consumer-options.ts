import type { FieldTable } from '../../../lib/client/index.js';
import type { Duration } from '../../common/duration.js';
import type { RetryOptions } from '../../settlement/retry/retry-options.js';

import type { StreamOffset, TrackOffsetOptions } from '../stream/stream-options.js';
import type { SelectionOptions } from './selection-options.js';

/**
 * Options of a consumer. Handlers that share a consumer have its options together: each option is given by one of them, or
 * with the same value by several.
 *
 * @publicApi
 */
export interface ConsumerOptions extends SelectionOptions {
  /**
   * False switches the consumer off: the application does not consume the queue. A line at the start lists what is off.
   * Default true.
   */
  readonly enabled?: boolean;
  /** Name of the connection, see {@link AmqpModule.forRoot}. Default: the connection without a name. */
  readonly connection?: string;
  /**
   * Maximum number of unacknowledged messages that the broker sends. 0 or Infinity: no limit. Default: the module's
   * `prefetch`, which is 10 by default.
   */
  readonly prefetch?: number;
  /** Maximum number of handlers that run at once, from 1. Infinity: as many as `prefetch` allows. Default Infinity. */
  readonly concurrency?: number;
  /** The consumer tag, unique on its connection. Default: the broker chooses it. */
  readonly consumerTag?: string;
  /** No other consumer can use the queue; the start fails if there is one. Default false. */
  readonly exclusive?: boolean;
  /**
   * The broker prefers consumers of a higher priority while their prefetch allows; others get the remaining messages
   * (https://www.rabbitmq.com/docs/consumer-priority). Default 0.
   */
  readonly priority?: number;
  /** For streams: the position where the consumer begins. Default `'next'`, the next message that is published. */
  readonly offset?: StreamOffset;
  /**
   * For streams: stores the consumer's position, so that it continues there after a restart. Default: the position is
   * not stored.
   */
  readonly trackOffset?: TrackOffsetOptions;
  /** Further arguments of basic.consume (https://www.rabbitmq.com/docs/consumers), sent unchanged. Default: none. */
  readonly arguments?: FieldTable;
  /**
   * Retries of messages whose handler throws. `false` parks a message at its first failure. Default: three attempts
   * with delays of 1 s to 30 s, then parked in `<queue>.parked`.
   */
  readonly retry?: RetryOptions | false;
  /**
   * Time that the handler may run (for a batch consumer: with one batch): ms, or a text such as `'30s'`. After that,
   * `context.signal` is aborted, the message fails with `HandlerTimeoutError`, and the result of the handler is
   * ignored. Default: no limit; a handler that runs for over a minute appears in the log and in health.
   */
  readonly timeout?: Duration;
  /**
   * `auto`: the outcome of the handler settles the message. `manual`: the handler settles it through the {@link
   * AmqpContext} at any time; if the handler throws before that, the message is settled as with `auto`. Default `auto`.
   */
  readonly ack?: 'auto' | 'manual';
}
