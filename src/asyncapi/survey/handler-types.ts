import { ValidationPipe } from '@nestjs/common';
import type { DiscoveredConsumer } from '../../consumers/discovery/consumer.explorer.js';
import { readRouteArguments } from '../../consumers/decorators/route-arguments.js';
import { RpcArgument } from '../../consumers/options/consumers.constants.js';
import type { PayloadClass } from '../../contracts/contract-types.js';
import { typeSchema } from '../../contracts/json-schema/class-schema.js';
import type { Payload } from '../document/messages.js';

/** Returns what the arguments of a handler without a contract tell of its payload. */
export function payloadOf(consumer: DiscoveredConsumer): Payload {
  const { prototype, methodName } = consumer.host;
  if (consumer.kind === 'batch') {
    const pipe = consumer.options.itemPipes?.find((one) => one instanceof ValidationPipe);
    return ofType((pipe as { readonly expectedType?: unknown } | undefined)?.expectedType);
  }
  const payload = Object.entries(readRouteArguments(prototype, methodName) ?? {}).find(
    ([key, { data }]) => key.startsWith(`${RpcArgument.PAYLOAD}:`) && data === undefined,
  );
  if (!payload) return undefined;
  const [, { index, schema }] = payload;
  if (schema) return { schema };
  const types = Reflect.getMetadata('design:paramtypes', prototype, methodName) as readonly unknown[] | undefined;
  return ofType(types?.[index]);
}

/** Returns what TypeScript's metadata tell of the result of a handler. */
export function resultOf({ host: { prototype, methodName } }: DiscoveredConsumer): Payload {
  return ofType(Reflect.getMetadata('design:returntype', prototype, methodName));
}

function ofType(type: unknown): Payload {
  const json = typeSchema(type as PayloadClass);
  return json && { json };
}
