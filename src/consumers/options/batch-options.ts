import type { PipeTransform } from '@nestjs/common';
import { InvalidConsumerError } from '../consumer.errors.js';
import type { ConsumerOptions } from './consumer-options.js';
import type { SelectionOptions } from './selection-options.js';
import { count, PREFETCH, PREFETCH_MAX } from '../../common/count.js';
import { timeLimit, type Duration } from '../../common/duration.js';

const DEFAULT_MAX_WAIT: Duration = '1s';

/**
 * Options of a batch consumer.
 *
 * @publicApi
 */
export interface BatchOptions extends Omit<
  ConsumerOptions,
  'ack' | 'concurrency' | 'prefetch' | keyof SelectionOptions
> {
  /** Maximum number of messages in a batch. */
  readonly size: number;
  /**
   * Time from the first message of a batch until the batch is handled, full or not: ms, or a text such as `'500ms'`;
   * Infinity: only full batches are handled. Default 1 s.
   */
  readonly maxWait?: Duration;
  /** Maximum number of batches that are handled at once; Infinity for no limit. Default 1. */
  readonly concurrency?: number;
  /**
   * Maximum number of unacknowledged messages that the broker sends; at least `size`, since a batch could not become
   * full otherwise. 0 or Infinity: no limit. Default: `size × (concurrency + 1)`, so that one batch fills while others
   * are handled.
   */
  readonly prefetch?: number;
  /**
   * Pipes for the payload of each message before it enters a batch, such as `[new ValidationPipe({ expectedType:
   * Reading })]`. A refused message is parked alone. Default: none.
   */
  readonly itemPipes?: readonly PipeTransform[];
}

/** Checked and complete batch options. */
export interface BatchLimits {
  readonly size: number;
  /** ms. */
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
      `${name}: a batch of ${size} never fills with a prefetch of ${prefetch}. Raise prefetch to at least ${size}, ` +
        'or leave it out.',
    );
  }
  const maxWait = timeLimit(options.maxWait ?? DEFAULT_MAX_WAIT, `${name}: maxWait`);
  return { size, concurrency, prefetch, maxWait };
}

/** Returns the prefetch for one batch more than are handled at once, or no limit if basic.qos cannot encode it. */
function prefetchFor(size: number, concurrency: number): number {
  const wanted = size * (concurrency + 1);
  if (wanted <= PREFETCH_MAX) return wanted;
  return size <= PREFETCH_MAX && concurrency !== Infinity ? PREFETCH_MAX : 0;
}
