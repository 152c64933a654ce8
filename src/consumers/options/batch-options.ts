import type { PipeTransform } from '@nestjs/common';
import { InvalidConsumerError } from '../consumer.errors.js';
import type { ConsumerOptions } from './consumer-options.js';
import { count, PREFETCH, PREFETCH_MAX } from '../../common/count.js';
import { timeLimit, type Duration } from '../../common/duration.js';

const DEFAULT_MAX_WAIT: Duration = '1s';

/**
 * How a handler consumes its queue in batches.
 *
 * @publicApi
 */
export interface BatchOptions extends Omit<ConsumerOptions, 'ack' | 'concurrency' | 'prefetch'> {
  /** Messages in a batch, at most. */
  readonly size: number;
  /**
   * From the first message of a batch until it is handled, full or not: milliseconds, or text as `'500ms'`; Infinity: only
   * full ones are. Default 1 s.
   */
  readonly maxWait?: Duration;
  /** Batches that are handled at the same time, at most; Infinity for no limit. Default 1. */
  readonly concurrency?: number;
  /**
   * Unacknowledged messages that the broker hands out at most; not less than `size`, for a batch would never be full. 0 or
   * Infinity: no limit. Default: one batch more than are handled at the same time.
   */
  readonly prefetch?: number;
  /**
   * Applied to the payload of each message before it gets into a batch; one that is refused is parked alone.
   * `[new ValidationPipe({ expectedType: Reading })]`, say. Default: none.
   */
  readonly itemPipes?: readonly PipeTransform[];
}

/** The same, checked and complete. */
export interface BatchLimits {
  readonly size: number;
  /** In ms. */
  readonly maxWait: number;
  readonly concurrency: number;
  readonly prefetch: number;
}

/** @throws InvalidConsumerError, ConfigurationError */
export function batchLimits(name: string, options: BatchOptions): BatchLimits {
  const { size, concurrency = 1, prefetch = prefetchFor(size, concurrency) } = options;
  count(size, `${name}: size`, { min: 1, unlimited: false });
  count(concurrency, `${name}: concurrency`, { min: 1 });
  count(prefetch, `${name}: prefetch`, PREFETCH);
  if (prefetch !== 0 && prefetch < size) {
    throw new InvalidConsumerError(
      `${name}: with a prefetch of ${prefetch} a batch of ${size} would never be full. Raise prefetch to ${size} at ` +
        'least, or leave it out.',
    );
  }
  const maxWait = timeLimit(options.maxWait ?? DEFAULT_MAX_WAIT, `${name}: maxWait`);
  return { size, concurrency, prefetch, maxWait };
}

/** One batch more than are handled at the same time; as basic.qos can say it, or else no limit. */
function prefetchFor(size: number, concurrency: number): number {
  const wanted = size * (concurrency + 1);
  if (wanted <= PREFETCH_MAX) return wanted;
  return size <= PREFETCH_MAX && concurrency !== Infinity ? PREFETCH_MAX : 0;
}
