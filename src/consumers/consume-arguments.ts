import type { ConsumeOptions, FieldTable } from '../../lib/client/index.js';
import type { ConsumerOptions } from './consumer-options.js';

/** How a consumer is registered with the broker, as often as that is needed. */
export interface ConsumeArguments extends Omit<ConsumeOptions, 'arguments' | 'onCancel' | 'prefetch'> {
  readonly prefetch: number;
  /** Made anew each time. */
  readonly arguments: () => FieldTable;
}

/** @param defaultPrefetch for consumers that set none */
export function consumeArguments(options: ConsumerOptions, defaultPrefetch: number): ConsumeArguments {
  const { prefetch = defaultPrefetch, concurrency, consumerTag, exclusive, priority } = options;
  return {
    prefetch,
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(consumerTag === undefined ? {} : { consumerTag }),
    ...(exclusive === undefined ? {} : { exclusive }),
    arguments: () => ({ ...(priority === undefined ? {} : { 'x-priority': priority }), ...options.arguments }),
  };
}
