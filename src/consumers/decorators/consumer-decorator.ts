import type { ConsumerMetadata } from '../options/consumer-metadata.js';
import { CONSUMER_METADATA, RpcArgument } from '../options/consumers.constants.js';
import { addHandlerMetadata } from './handler-metadata.js';
import { addRouteArgument, readRouteArguments } from './route-arguments.js';

/** Makes a method a consumer. */
export function consumerDecorator(metadata: ConsumerMetadata): MethodDecorator {
  return (target, method, descriptor) => {
    addHandlerMetadata(CONSUMER_METADATA, metadata, target, method, descriptor);
    declareDefaultArguments(target, method);
  };
}

/**
 * Declares the default arguments, since Nest applies pipes only to declared ones; otherwise a global ValidationPipe
 * would be skipped.
 */
function declareDefaultArguments(target: object, method: string | symbol): void {
  if (readRouteArguments(target, method)) return;
  addRouteArgument(target, method, RpcArgument.PAYLOAD, { index: 0, data: undefined, pipes: [] });
  addRouteArgument(target, method, RpcArgument.CONTEXT, { index: 1, data: undefined, pipes: [] });
}
