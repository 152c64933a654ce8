import type { ConsumerOptions } from '../options/consumer-options.js';
import { consumerDecorator } from './consumer-decorator.js';
import type { OptionsSource } from '../options/options-source.js';
import type { QueueSource } from '../options/queue-source.js';

/**
 * Makes a method of a provider or controller the handler of a queue's messages. Repeat the decorator for several queues.
 * A method without parameter decorators gets the payload and the {@link AmqpContext}.
 *
 * - The message is acknowledged after the method has returned, its Promise has resolved, or its Observable has completed.
 * - If the method throws, the consumer's `retry` applies. Default: three attempts, then the message is parked.
 * - A message that a guard or a pipe refuses, or whose body does not match its content type, is not retried.
 * - Guards, pipes, interceptors and exception filters apply, with context type `'rpc'`. An exception filter that returns a
 *   value has handled the error, so the message is acknowledged. If the filter returns nothing, the message has failed.
 * - A request-scoped or transient class gets a new instance for each message. There, `REQUEST` injects the
 *   {@link AmqpContext}.
 *
 * @example
 * ```ts
 * @AmqpConsumer('billing', { prefetch: 20 })
 * async onOrder(@Payload() order: Order, @Ctx() context: AmqpContext) {}
 * ```
 *
 * @param queue the name of the queue, or a {@link QueueFactory} that returns the name. The queue must exist when the
 * application starts: declare it in the module's `topology`
 * @param options the options, or an {@link OptionsFactory} that returns them
 * @throws InvalidConsumerError for a static method. The start fails with InvalidConsumerError for a queue without a name,
 * with ConfigurationError for wrong options, and with ConsumerStartError if the queue cannot be consumed
 * @see https://www.rabbitmq.com/docs/consumers
 * @publicApi
 */
export function AmqpConsumer(queue: QueueSource, options: OptionsSource<ConsumerOptions> = {}): MethodDecorator {
  return consumerDecorator({ kind: 'message', source: queue, options });
}
