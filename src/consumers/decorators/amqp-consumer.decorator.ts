import type { ConsumerOptions } from '../options/consumer-options.js';
import { consumerDecorator } from './consumer-decorator.js';
import type { QueueSource } from '../options/queue-source.js';

/**
 * Handles the messages of a queue, on a method of a provider or a controller. May be repeated for several queues.
 *
 * A message is acknowledged when the method has returned: when its Promise is resolved, its Observable complete. What
 * becomes of it when the method throws is up to the consumer's `retry`. What a guard or a pipe refuses, and a body that
 * is not what its content type says, is never retried.
 *
 * Guards, pipes, interceptors and exception filters apply, with context type `'rpc'`. An exception filter that returns a
 * value has handled the error, and the message is acknowledged; one that returns nothing has not.
 *
 * A class that is request-scoped or transient gets a fresh instance for each message, and `REQUEST` is its
 * {@link AmqpContext}.
 *
 * A method without parameter decorators gets the payload and the {@link AmqpContext}.
 *
 * @example
 * ```ts
 * @AmqpConsumer('billing', { prefetch: 20 })
 * async onOrder(@Payload() order: Order, @Ctx() context: AmqpContext) {}
 * ```
 *
 * @param queue has to exist when the application starts: declare it in the module's `topology`. Its name, or a
 * {@link QueueFactory} that makes it from configuration
 * @publicApi
 */
export function AmqpConsumer(queue: QueueSource, options: ConsumerOptions = {}): MethodDecorator {
  return consumerDecorator({ kind: 'message', source: queue, options });
}
