import type { BatchOptions } from '../options/batch-options.js';
import { consumerDecorator } from './consumer-decorator.js';
import type { QueueSource } from '../options/queue-source.js';

/**
 * Handles the messages of a queue in batches, on a method of a provider or a controller. It gets an array of
 * {@link AmqpBatchItem}s, each a message with its payload and its context, and an {@link AmqpBatchContext}.
 *
 * Every item is settled by itself. When the method returns, all of them are acknowledged; when it throws, all are failed
 * with that error, and `retry` says what becomes of each. `item.ack()` and `item.fail(error)` settle one before that,
 * whatever becomes of the others.
 *
 * A message that cannot be decoded, or that one of `itemPipes` refuses, is parked alone and never gets into a batch.
 * Guards, pipes, interceptors and filters apply to the batch as a whole, and their context is the AmqpBatchContext.
 *
 * @example
 * ```ts
 * @AmqpBatchConsumer('readings', { size: 100, maxWait: '500ms' })
 * async onReadings(items: AmqpBatchItem<Reading>[]) {
 *   await this.store.insert(items.map(({ payload }) => payload));
 * }
 * ```
 *
 * @param queue has to exist when the application starts, as for {@link AmqpConsumer}
 * @publicApi
 */
export function AmqpBatchConsumer(queue: QueueSource, options: BatchOptions): MethodDecorator {
  return consumerDecorator({ kind: 'batch', source: queue, options });
}
