import { Inject, type InjectionToken } from '@nestjs/common';
import { DEFAULT_CONNECTION } from '../connection/amqp.tokens.js';
import { ConfirmingPublisher } from './confirming.publisher.js';

/**
 * Token of the {@link ConfirmingPublisher} of a connection. That of the connection without a name is the class.
 *
 * @publicApi
 */
export function getConfirmingPublisherToken(connection: string = DEFAULT_CONNECTION): InjectionToken {
  return connection === DEFAULT_CONNECTION ? ConfirmingPublisher : `nest-amqp:confirming-publisher:${connection}`;
}

/**
 * Token of a publisher that {@link AmqpModule.forFeature} has registered.
 *
 * @publicApi
 */
export function getPublisherToken(publisher: string): string {
  return `nest-amqp:publisher:${publisher}`;
}

/**
 * Injects the {@link ConfirmingPublisher} of a named connection; that of the connection without a name needs no decorator.
 *
 * @example
 * ```ts
 * constructor(@InjectConfirmingPublisher('billing') private readonly publisher: ConfirmingPublisher) {}
 * ```
 *
 * @publicApi
 */
export function InjectConfirmingPublisher(connection?: string): PropertyDecorator & ParameterDecorator {
  return Inject(getConfirmingPublisherToken(connection));
}

/**
 * Injects an {@link ExchangePublisher} by the name that {@link AmqpModule.forFeature} has registered it under.
 *
 * @example
 * ```ts
 * constructor(@InjectPublisher('orders') private readonly orders: ExchangePublisher<OrderEvents>) {}
 * ```
 *
 * @publicApi
 */
export function InjectPublisher(publisher: string): PropertyDecorator & ParameterDecorator {
  return Inject(getPublisherToken(publisher));
}
