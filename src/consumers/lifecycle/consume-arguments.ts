import type { ConsumeOptions, FieldTable } from '../../../lib/client/index.js';
import type { ConsumerOptions } from '../options/consumer-options.js';
import type { StreamPosition } from '../stream/stream-position.js';

/** The arguments with which a consumer is registered with the broker, each time it has to be. */
export interface ConsumeArguments extends Omit<ConsumeOptions, 'arguments' | 'onCancel' | 'prefetch'> {
  readonly prefetch: number;
  /** Made anew each time: a stream goes on where it was. */
  readonly arguments: () => FieldTable;
}

/** @param limits what the options' own come down to. @param position for streams */
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
