import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { MESSAGE_PROPERTIES, type MessageProperties } from '../../../lib/client/index.js';
import { expectValue, NAME } from '../../common/option-values.js';
import { refuseUnknown } from '../../common/known-options.js';
import { namesOf } from '../../../lib/option-names/index.js';
import { AmqpContext } from '../../settlement/amqp-context.js';
import { InvalidConsumerError } from '../consumer.errors.js';
import { RpcArgument } from '../options/consumers.constants.js';
import { requireSchemaSupport } from './payload-schema.js';
import type { StandardSchema } from '../../contracts/standard-schema.js';
import { addRouteArgument, type Pipe } from './route-arguments.js';

/**
 * Validation of an argument.
 *
 * @publicApi
 */
export interface PayloadOptions {
  /**
   * Schema for Nest 12's `StandardSchemaValidationPipe`, which must be bound here or to the method, class or
   * application. Nest 11 ignores schemas, so there the decorator throws. Default: no schema.
   */
  readonly schema?: StandardSchema;
  /** Pipes of this argument. Default: none. */
  readonly pipes?: readonly Pipe[];
}

/**
 * Injects the payload of the message, decoded by its content type, or one property of the payload. Pipes of the
 * argument, method, class and application apply. The decorator of the same name in `@nestjs/microservices` does the
 * same.
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
export function Payload(options: PayloadOptions): ParameterDecorator;
export function Payload(property: string, ...pipes: Pipe[]): ParameterDecorator;
export function Payload(property: string, options: PayloadOptions): ParameterDecorator;
export function Payload(...given: (string | Pipe | PayloadOptions)[]): ParameterDecorator {
  const property = typeof given[0] === 'string' ? given[0] : undefined;
  const rest = (property === undefined ? given : given.slice(1)) as (Pipe | PayloadOptions)[];
  const options = rest.find(isOptions);
  const pipes = options ? (options.pipes ?? []) : (rest as Pipe[]);
  if (options) refuseUnknown('@Payload()', options, PAYLOAD_OPTIONS);
  if (options?.schema) requireSchemaSupport();
  return argumentFrom(RpcArgument.PAYLOAD, property, pipes, options?.schema);
}

/**
 * Injects the {@link AmqpContext} of the message: properties, headers, queue, delivery. The decorator of the same name
 * in `@nestjs/microservices` does the same.
 *
 * @example
 * ```ts
 * @AmqpConsumer('billing')
 * onOrder(@Payload() order: Order, @Ctx() context: AmqpContext) {}
 * ```
 *
 * @publicApi
 */
export function Ctx(): ParameterDecorator {
  return argumentFrom(RpcArgument.CONTEXT, undefined, [], undefined);
}

const Header = createParamDecorator((name: string, execution: ExecutionContext) => messageOf(execution).headers[name]);

const Property = createParamDecorator(
  (name: keyof MessageProperties, execution: ExecutionContext) => messageOf(execution).properties[name],
);

/**
 * Injects one header of the message, or undefined if it has none of that name. Names are case-sensitive. Pipes apply.
 *
 * @example
 * ```ts
 * @AmqpConsumer('billing')
 * onOrder(@Payload() order: Order, @AmqpHeader('x-tenant', new DefaultValuePipe('none')) tenant: string) {}
 * ```
 *
 * @throws ConfigurationError for a missing name
 * @publicApi
 */
export function AmqpHeader(name: string, ...pipes: Pipe[]): ParameterDecorator {
  expectValue('@AmqpHeader(): the name of the header', name, NAME);
  return Header(name, ...pipes);
}

/**
 * Injects one property of the message: `messageId`, `correlationId`, `timestamp`, … (section 1.8.2 of the
 * specification), or undefined if the publisher set none. Pipes apply.
 *
 * @example
 * ```ts
 * @AmqpConsumer('billing')
 * onOrder(@Payload() order: Order, @AmqpProperty('messageId') id: string | undefined) {}
 * ```
 *
 * @throws ConfigurationError for a property that AMQP does not define
 * @publicApi
 */
export function AmqpProperty(name: keyof MessageProperties, ...pipes: Pipe[]): ParameterDecorator {
  refuseUnknown('@AmqpProperty()', { [name]: 0 }, PROPERTIES);
  return Property(name, ...pipes);
}

const PAYLOAD_OPTIONS = namesOf({ schema: 0, pipes: 0 } satisfies Record<keyof PayloadOptions, 0>);

const PROPERTIES = namesOf(MESSAGE_PROPERTIES);

function messageOf(execution: ExecutionContext): AmqpContext {
  const context: unknown = execution.switchToRpc().getContext();
  if (context instanceof AmqpContext) return context;
  throw new InvalidConsumerError(
    `${execution.getClass().name}.${execution.getHandler().name}: @AmqpHeader() and @AmqpProperty() need a single ` +
      'message; in a batch, use the context of each item',
  );
}

function isOptions(value: Pipe | PayloadOptions): value is PayloadOptions {
  return typeof value === 'object' && !('transform' in value);
}

function argumentFrom(
  source: number,
  data: string | undefined,
  pipes: readonly Pipe[],
  schema: StandardSchema | undefined,
): ParameterDecorator {
  return (target, method, index) => {
    // Without a method name it is a parameter of the constructor, which messages do not reach.
    if (method !== undefined)
      addRouteArgument(target, method, source, { index, data, pipes, ...(schema && { schema }) });
  };
}
