import { consumerDecorator } from './consumer-decorator.js';
import type { ConsumerOptions } from '../options/consumer-options.js';
import type { QueueSource } from '../options/queue-source.js';

/**
 * How a handler answers the requests of its queue.
 *
 * @publicApi
 */
export type RpcOptions = Omit<ConsumerOptions, 'ack' | 'offset' | 'trackOffset'>;

/**
 * Answers the requests of a queue, on a method of a provider or a controller: what the method returns, the last value of
 * an Observable, goes to the request's `reply-to` with its `correlation-id`. The request is acknowledged once the broker
 * has confirmed the reply. {@link ConfirmingPublisher.request} is the other side.
 *
 * - A method that throws, a guard or a pipe that refuses and a body that cannot be decoded are answered with the error's
 *   name and message. The request is then done: it is acknowledged and not retried, for whoever asked knows.
 * - `RequeueMessage` and `RetryMessage` put the answer off: the request comes again. `RejectMessage` answers and rejects.
 * - A request without `reply-to` is handled as by {@link AmqpConsumer}, its `retry` included: nobody else will know.
 * - A reply that comes back, because nobody waits for it any more, is logged; the request is acknowledged. So it is when
 *   the reply cannot be sent within the publisher's deadline.
 *
 * @example
 * ```ts
 * @AmqpRpc('prices')
 * price(@Payload('item') item: string): Promise<number> {}
 * ```
 *
 * @param queue has to exist when the application starts, as for {@link AmqpConsumer}
 * @publicApi
 */
export function AmqpRpc(queue: QueueSource, options: RpcOptions = {}): MethodDecorator {
  return consumerDecorator({ kind: 'rpc', source: queue, options });
}
