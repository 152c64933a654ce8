import type { FieldTable } from '../../../lib/client/index.js';
import type { Duration } from '../../common/duration.js';
import type { RetryOptions } from '../../settlement/retry/retry-options.js';

import type { StreamOffset, TrackOffsetOptions } from '../stream/stream-options.js';

/**
 * How a handler consumes its queue.
 *
 * @publicApi
 */
export interface ConsumerOptions {
  /** Name of the connection, see {@link AmqpModule.forRoot}. Default: the one without a name. */
  readonly connection?: string;
  /** Unacknowledged messages that the broker hands out at most. 0 or Infinity: no limit. Default: the module's, 10. */
  readonly prefetch?: number;
  /** Messages that are handled at the same time, at most, from 1. Default, or Infinity: as many as are prefetched. */
  readonly concurrency?: number;
  /** Names the consumer on the broker; unique for each connection. Default: the broker makes one up. */
  readonly consumerTag?: string;
  /** No other consumer on the queue: starting fails while there is one. Default false. */
  readonly exclusive?: boolean;
  /**
   * Consumers of a higher priority get messages as long as their prefetch lets them; the others get what is left
   * (https://www.rabbitmq.com/docs/consumer-priority). Default 0.
   */
  readonly priority?: number;
  /** For streams: where to begin. Default: with what comes next. */
  readonly offset?: StreamOffset;
  /** For streams: keep how far the consumer has come, so that a restart goes on there. Default: it is not kept. */
  readonly trackOffset?: TrackOffsetOptions;
  /** Further arguments of basic.consume, as they are. */
  readonly arguments?: FieldTable;
  /**
   * What becomes of a message whose handler throws. `false`: it is parked at the first failure. Default: three attempts,
   * 1 s to 30 s apart, then parked in `<queue>.parked`.
   */
  readonly retry?: RetryOptions | false;
  /**
   * Milliseconds that the handler may run, or text as `'30s'`; of a batch consumer for the batch. Then `context.signal` is
   * aborted, the message fails with `HandlerTimeoutError`, and what the handler does no longer counts. Default: no limit;
   * a handler that runs for a minute is told of in the log and in the details of health.
   */
  readonly timeout?: Duration;
  /**
   * `auto`: settled by the outcome of the handler. `manual`: the handler settles, by the {@link AmqpContext}, when it
   * likes; one that throws before has it settled as with `auto`. Default `auto`.
   */
  readonly ack?: 'auto' | 'manual';
}
