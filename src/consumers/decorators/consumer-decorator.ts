import type { ConsumerMetadata } from '../options/consumer-metadata.js';
import { CONSUMER_METADATA, RpcArgument } from '../options/consumers.constants.js';
import { addHandlerMetadata } from './handler-metadata.js';
import { addRouteArgument, readRouteArguments } from './route-arguments.js';

/** Makes a method a consumer of some kind. */
export function consumerDecorator(metadata: ConsumerMetadata): MethodDecorator {
  return (target, method, descriptor) => {
    addHandlerMetadata(CONSUMER_METADATA, metadata, target, method, descriptor);
    declareDefaultArguments(target, method);
  };
}

/** Nest applies pipes to declared arguments only: without this a global ValidationPipe would be passed by unnoticed. */
function declareDefaultArguments(target: object, method: string | symbol): void {
  if (readRouteArguments(target, method)) return;
  addRouteArgument(target, method, RpcArgument.PAYLOAD, { index: 0, data: undefined, pipes: [] });
  addRouteArgument(target, method, RpcArgument.CONTEXT, { index: 1, data: undefined, pipes: [] });
}
