import type { ListenerMetadata } from '../options/consumer-metadata.js';
import { LISTENER_METADATA } from '../options/consumers.constants.js';
import { addHandlerMetadata } from './handler-metadata.js';
import type { QueueSource } from '../options/queue-source.js';

/**
 * Calls the method of a provider or controller with a {@link ConsumerCancelledEvent} each time that the broker has
 * cancelled a consumer: its queue was deleted, or has moved
 * (https://www.rabbitmq.com/docs/consumer-cancel). The consumer is restored by itself; this only tells.
 *
 * What the method throws is logged and has no other effect. Guards, pipes and interceptors do not apply.
 *
 * @param queue of this queue only, its name or where that comes from. Default: of every queue
 * @publicApi
 */
export function OnConsumerCancelled(queue?: QueueSource): MethodDecorator {
  return listener({ event: 'cancelled', queue });
}

/**
 * Calls the method of a provider or controller with a {@link ReturnedMessage} each time that a message which this
 * application published came back, because no queue is bound for it. Its publish rejects as well.
 *
 * What the method throws is logged and has no other effect. Guards, pipes and interceptors do not apply.
 *
 * @publicApi
 */
export function OnReturn(): MethodDecorator {
  return listener({ event: 'returned' });
}

function listener(metadata: ListenerMetadata): MethodDecorator {
  return (target, method, descriptor) => addHandlerMetadata(LISTENER_METADATA, metadata, target, method, descriptor);
}
