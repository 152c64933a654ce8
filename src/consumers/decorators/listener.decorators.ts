import { ConfigurationError } from '../../../lib/client/index.js';
import { describeValue } from '../../common/described-value.js';
import type { ListenerMetadata } from '../options/consumer-metadata.js';
import { LISTENER_METADATA } from '../options/consumers.constants.js';
import { addHandlerMetadata } from './handler-metadata.js';
import type { QueueSource } from '../options/queue-source.js';

/**
 * Calls the method of a provider or controller with a {@link ConsumerCancelledEvent} each time the broker cancels a
 * consumer, because its queue was deleted or moved (https://www.rabbitmq.com/docs/consumer-cancel). The consumer is
 * restored by itself; the method is only informed.
 *
 * An error of the method is logged and has no other effect. Guards, pipes and interceptors do not apply.
 *
 * @example
 * ```ts
 * @OnConsumerCancelled('billing')
 * onCancelled({ queue, reason }: ConsumerCancelledEvent) {}
 * ```
 *
 * @param queue name of a queue, or a factory that returns it. Default: every queue
 * @publicApi
 */
export function OnConsumerCancelled(queue?: QueueSource): MethodDecorator {
  return listener({ event: 'cancelled', queue });
}

/**
 * Calls the method of a provider or controller with a {@link ReturnedMessage} each time a message of this application
 * is returned, because no queue is bound for it. The publish also rejects.
 *
 * An error of the method is logged and has no other effect. Guards, pipes and interceptors do not apply.
 *
 * @example
 * ```ts
 * @OnReturn()
 * onReturn({ exchange, routingKey }: ReturnedMessage) {}
 * ```
 *
 * @publicApi
 */
export function OnReturn(): MethodDecorator;
export function OnReturn(...given: readonly unknown[]): MethodDecorator {
  if (given.length > 0) {
    throw new ConfigurationError(
      `@OnReturn() takes no argument, but got ${describeValue(given[0])}: it listens to every returned message`,
    );
  }
  return listener({ event: 'returned' });
}

function listener(metadata: ListenerMetadata): MethodDecorator {
  return (target, method, descriptor) => addHandlerMetadata(LISTENER_METADATA, metadata, target, method, descriptor);
}
