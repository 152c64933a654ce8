import type { BatchOptions } from '../options/batch-options.js';
import { consumerDecorator } from './consumer-decorator.js';
import type { OptionsSource } from '../options/options-source.js';
import type { QueueSource } from '../options/queue-source.js';

/**
 * Makes a method of a provider or controller the handler of a queue's messages in batches. The method gets an array of
 * {@link AmqpBatchItem}, each with the payload and the context of one message, and an {@link AmqpBatchContext}. A batch is
 * handled when it has `size` messages, or `maxWait` (default 1 s) after its first message.
 *
 * - Each item is settled on its own. When the method returns, all items are acknowledged. When it throws, all items fail
 *   with that error, and `retry` applies to each.
 * - `item.ack()` and `item.fail(error)` settle one item earlier, independently of the others.
 * - A message that cannot be decoded, or that one of `itemPipes` refuses, is parked alone and does not enter a batch.
 * - Guards, pipes, interceptors and filters apply to the whole batch. Their context is the {@link AmqpBatchContext}.
 *
 * @example
 * ```ts
 * @AmqpBatchConsumer('readings', { size: 100, maxWait: '500ms' })
 * async onReadings(items: AmqpBatchItem<Reading>[]) {
 *   await this.store.insert(items.map(({ payload }) => payload));
 * }
 * ```
 *
 * @param queue must exist when the application starts, as for {@link AmqpConsumer}
 * @throws InvalidConsumerError for a static method. The start fails with InvalidConsumerError or ConfigurationError for
 * options that cannot work, such as a `prefetch` below `size`, and with ConsumerStartError as for {@link AmqpConsumer}
 * @see https://www.rabbitmq.com/docs/consumer-prefetch
 * @publicApi
 */
export function AmqpBatchConsumer(queue: QueueSource, options: OptionsSource<BatchOptions>): MethodDecorator {
  return consumerDecorator({ kind: 'batch', source: queue, options });
}
