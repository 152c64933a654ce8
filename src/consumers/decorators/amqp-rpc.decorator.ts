import { consumerDecorator } from './consumer-decorator.js';
import type { OptionsSource } from '../options/options-source.js';
import type { QueueSource } from '../options/queue-source.js';
import type { RpcOptions } from '../options/rpc-options.js';

/**
 * Makes a method of a provider or controller the handler of a queue's requests. The method's result (of an Observable,
 * its last value) is sent to the request's `reply-to` with its `correlation-id`. The request is acknowledged when the
 * broker has confirmed the reply. {@link ConfirmingPublisher.request} is the other side.
 *
 * - If the method throws, a guard or pipe refuses, or the body cannot be decoded, the reply is the error as far as
 *   {@link RpcOptions.errors} tells it. The request is acknowledged and not retried, since the requester has its answer.
 * - `RequeueMessage` and `RetryMessage` send no reply; the request is handled again. `RejectMessage` replies and
 *   rejects the request.
 * - A request without `reply-to` is handled as by {@link AmqpConsumer}, including retries.
 * - If the reply is returned, because the requester has left, this is logged and the request is acknowledged. The same
 *   happens if the reply cannot be sent within the publisher's timeout.
 *
 * @example
 * ```ts
 * @AmqpRpc('prices')
 * price(@Payload('item') item: string): Promise<number> {}
 * ```
 *
 * @param queue must exist when the application starts, as for {@link AmqpConsumer}
 * @throws InvalidConsumerError for a static method
 * @publicApi
 */
export function AmqpRpc(queue: QueueSource, options: OptionsSource<RpcOptions> = {}): MethodDecorator {
  return consumerDecorator({ kind: 'rpc', source: queue, options });
}
