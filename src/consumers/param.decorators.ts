import { RpcArgument } from './consumers.constants.js';
import { addRouteArgument, type Pipe } from './route-arguments.js';

/**
 * The payload of the message, decoded by its content type, or one property of it. Pipes apply, those of the method, the
 * class and the application too. The decorator of the same name in `@nestjs/microservices` does the same.
 *
 * @example
 * ```ts
 * @AmqpConsumer('billing')
 * onOrder(@Payload(new ValidationPipe()) order: Order, @Payload('id', ParseIntPipe) id: number) {}
 * ```
 *
 * @publicApi
 */
export function Payload(...pipes: Pipe[]): ParameterDecorator;
export function Payload(property: string, ...pipes: Pipe[]): ParameterDecorator;
export function Payload(propertyOrPipe?: string | Pipe, ...more: Pipe[]): ParameterDecorator {
  const property = typeof propertyOrPipe === 'string' ? propertyOrPipe : undefined;
  const pipes = propertyOrPipe === undefined || typeof propertyOrPipe === 'string' ? more : [propertyOrPipe, ...more];
  return argumentFrom(RpcArgument.PAYLOAD, property, pipes);
}

/**
 * The {@link AmqpContext} of the message: properties, headers, queue, the delivery itself. The decorator of the same name
 * in `@nestjs/microservices` does the same.
 *
 * @publicApi
 */
export function Ctx(): ParameterDecorator {
  return argumentFrom(RpcArgument.CONTEXT, undefined, []);
}

function argumentFrom(source: number, data: string | undefined, pipes: readonly Pipe[]): ParameterDecorator {
  return (target, method, index) => {
    // Without a name it is a parameter of the constructor, which no message reaches.
    if (method !== undefined) addRouteArgument(target, method, source, { index, data, pipes });
  };
}
