import 'reflect-metadata';
import type { ConsumerMetadata, ConsumerOptions } from './consumer-options.js';
import { CONSUMER_METADATA, RpcArgument } from './consumers.constants.js';
import { addRouteArgument, readRouteArguments } from './route-arguments.js';

/**
 * Handles the messages of a queue, on a method of a provider or a controller. May be repeated for several queues.
 *
 * A message is acknowledged when the method has returned: when its Promise is resolved, its Observable complete. It is
 * rejected, which dead-letters it where the queue says so, when the method throws, when a guard or a pipe refuses it,
 * and when its body is not what its content type says.
 *
 * Guards, pipes, interceptors and exception filters apply, with context type `'rpc'`. An exception filter that returns a
 * value has handled the error, and the message is acknowledged; one that returns nothing has not.
 *
 * A method without parameter decorators gets the payload and the {@link AmqpContext}.
 *
 * @example
 * ```ts
 * @AmqpConsumer('billing', { prefetch: 20 })
 * async onOrder(@Payload() order: Order, @Ctx() context: AmqpContext) {}
 * ```
 *
 * @param queue has to exist when the application starts: declare it in the module's `topology`
 * @publicApi
 */
export function AmqpConsumer(queue: string, options: ConsumerOptions = {}): MethodDecorator {
  return (target, method, descriptor) => {
    const handler = descriptor.value as object;
    const others = (Reflect.getOwnMetadata(CONSUMER_METADATA, handler) ?? []) as ConsumerMetadata[];
    // Decorators run from the last to the first.
    Reflect.defineMetadata(CONSUMER_METADATA, [{ queue, options }, ...others], handler);
    declareDefaultArguments(target, method);
  };
}

/** Nest applies pipes to declared arguments only: without this a global ValidationPipe would be passed by unnoticed. */
function declareDefaultArguments(target: object, method: string | symbol): void {
  if (readRouteArguments(target, method)) return;
  addRouteArgument(target, method, RpcArgument.PAYLOAD, { index: 0, data: undefined, pipes: [] });
  addRouteArgument(target, method, RpcArgument.CONTEXT, { index: 1, data: undefined, pipes: [] });
}
