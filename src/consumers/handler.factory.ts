import { Injectable } from '@nestjs/common';
import { ExternalContextCreator } from '@nestjs/core';
import { defaultIfEmpty, isObservable, lastValueFrom } from 'rxjs';
import type { AmqpContext } from './amqp-context.js';
import type { DiscoveredConsumer } from './consumer.explorer.js';
import { ROUTE_ARGS_METADATA, RpcArgument } from './consumers.constants.js';
import { notingRefusals } from './refusals.js';

/** A handler with its guards, pipes, interceptors and filters around it. */
export type MessageHandler = (payload: unknown, context: AmqpContext) => Promise<unknown>;

type Method = (...args: unknown[]) => unknown;

const paramsFactory = {
  exchangeKeyForValue(type: number, data: unknown, [payload, context]: [unknown, AmqpContext]): unknown {
    switch (type) {
      case RpcArgument.PAYLOAD:
        return data ? (payload as Record<string, unknown> | null | undefined)?.[data as string] : payload;
      case RpcArgument.CONTEXT:
        return context;
      default:
        return null;
    }
  },
};

/** Puts Nest's request pipeline around the methods that consume. */
@Injectable()
export class HandlerFactory {
  constructor(private readonly contexts: ExternalContextCreator) {}

  create({ instance, methodName, moduleKey }: DiscoveredConsumer): MessageHandler {
    const method = (instance as Record<string, Method>)[methodName] as Method;
    const handler = inModule(this.contexts, moduleKey).create<never, 'rpc'>(
      instance,
      tolerateEmpty(method),
      methodName,
      ROUTE_ARGS_METADATA,
      paramsFactory,
      undefined,
      undefined,
      { guards: true, interceptors: true, filters: true },
      'rpc',
    );
    return async (payload, context) => {
      const result: unknown = await handler(payload, context);
      // The answer of an exception filter comes as it is, and is by custom a `throwError()` that nobody has subscribed to.
      return isObservable(result) ? lastValueFrom(result, { defaultValue: undefined }) : result;
    };
  }
}

/**
 * Nest looks for the guards and pipes that are given as classes in the module of the handler, and finds that module
 * only for providers: those of a controller it would leave out without a word. We know the module, so we tell.
 */
function inModule(contexts: ExternalContextCreator, moduleKey: string): ExternalContextCreator {
  return Object.create(contexts, {
    getContextModuleKey: { value: () => moduleKey },
    ...notingRefusals(contexts),
  }) as ExternalContextCreator;
}

/**
 * Nest takes the last value of an Observable, and fails when there is none. A handler that has nothing to say has
 * succeeded all the same. The method is the prototype of the function around it, so that the metadata of its decorators
 * is found there.
 */
function tolerateEmpty(method: Method): Method {
  const tolerant = async function (this: unknown, ...args: unknown[]): Promise<unknown> {
    const result = await method.apply(this, args);
    return isObservable(result) ? result.pipe(defaultIfEmpty(undefined)) : result;
  };
  Object.defineProperty(tolerant, 'name', { value: method.name });
  return Object.setPrototypeOf(tolerant, method) as Method;
}
