import { ValidationPipe } from '@nestjs/common';
import type { DiscoveredConsumer } from '../../consumers/discovery/consumer.explorer.js';
import { readRouteArguments, type RouteArguments } from '../../consumers/decorators/route-arguments.js';
import { RpcArgument } from '../../consumers/options/consumers.constants.js';
import type { PayloadClass } from '../../contracts/contract-types.js';
import { typeSchema } from '../../contracts/json-schema/class-schema.js';
import type { Payload } from '../document/messages.js';

/** A method of a class. */
interface Method {
  readonly prototype: object;
  readonly methodName: string;
}

/** Returns what the arguments of a handler without a contract tell of its payload. */
export function payloadOf(consumer: DiscoveredConsumer): Payload {
  if (consumer.kind === 'batch') {
    const pipe = consumer.options.itemPipes?.find((one) => one instanceof ValidationPipe);
    return ofType((pipe as { readonly expectedType?: unknown } | undefined)?.expectedType);
  }
  const { host } = consumer;
  return payloadIn(readRouteArguments(host.prototype, host.methodName) ?? {}, host);
}

function payloadIn(declared: RouteArguments, method: Method): Payload {
  const payload = Object.entries(declared).find(
    ([key, { data }]) => key.startsWith(`${RpcArgument.PAYLOAD}:`) && data === undefined,
  );
  if (!payload) return undefined;
  const [, { index, schema }] = payload;
  if (schema) return { schema };
  return ofType(typesOf(method)?.[index]);
}

function typesOf({ prototype, methodName }: Method): readonly unknown[] | undefined {
  return Reflect.getMetadata('design:paramtypes', prototype, methodName) as readonly unknown[] | undefined;
}

/** Returns what the arguments of a handler of the microservice transport tell of its data: the first one is, without decorators. */
export function dataOf({ prototype, methodName }: Method): Payload {
  const declared = readRouteArguments(prototype, methodName);
  return declared ? payloadIn(declared, { prototype, methodName }) : ofType(typesOf({ prototype, methodName })?.[0]);
}

/** Returns what TypeScript's metadata tell of the result of a handler. */
export function resultOf({ prototype, methodName }: Method): Payload {
  return ofType(Reflect.getMetadata('design:returntype', prototype, methodName));
}

function ofType(type: unknown): Payload {
  const json = typeSchema(type as PayloadClass);
  return json && { json };
}
