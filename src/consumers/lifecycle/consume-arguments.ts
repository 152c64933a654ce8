import type { ConsumeOptions, FieldTable } from '../../../lib/client/index.js';
import type { ConsumerOptions } from '../options/consumer-options.js';
import type { StreamPosition } from '../stream/stream-position.js';

/** The arguments of each basic.consume of a consumer. */
export interface ConsumeArguments extends Omit<ConsumeOptions, 'arguments' | 'onCancel' | 'prefetch'> {
  readonly prefetch: number;
  /** Computed for each registration, so that a stream continues at its position. */
  readonly arguments: () => FieldTable;
}

/** @param limits the prefetch and concurrency that the options result in. @param position for streams */
export function consumeArguments(
  { consumerTag, exclusive, priority, arguments: further }: ConsumerOptions,
  { prefetch, concurrency }: { readonly prefetch: number; readonly concurrency: number | undefined },
  position: StreamPosition | undefined,
): ConsumeArguments {
  return {
    prefetch,
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(consumerTag === undefined ? {} : { consumerTag }),
    ...(exclusive === undefined ? {} : { exclusive }),
    arguments: () => ({
      ...(priority === undefined ? {} : { 'x-priority': priority }),
      ...position?.arguments(),
      ...further,
    }),
  };
}
