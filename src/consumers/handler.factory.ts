import { Injectable } from '@nestjs/common';
import { ExternalContextCreator, type ContextId } from '@nestjs/core';
import { defaultIfEmpty, isObservable, lastValueFrom } from 'rxjs';
import type { AmqpContext } from './amqp-context.js';
import { ROUTE_ARGS_METADATA, RpcArgument } from './consumers.constants.js';
import { isShared, type HandlerHost } from './handler-host.js';
import { HostInstances } from './host-instances.js';
import { nestContexts } from './nest-contexts.js';

/**
 * A handler with its guards, pipes, interceptors and filters around it.
 *
 * @param context what `@Ctx()`, `REQUEST` and `host.switchToRpc().getContext()` give
 */
export type MessageHandler<C extends object = AmqpContext> = (payload: unknown, context: C) => Promise<unknown>;

type Method = (...args: unknown[]) => unknown;

const paramsFactory = {
  exchangeKeyForValue(type: number, data: unknown, [payload, context]: [unknown, object]): unknown {
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
  constructor(
    private readonly contexts: ExternalContextCreator,
    private readonly instances: HostInstances,
  ) {}

  create<C extends object = AmqpContext>(host: HandlerHost): MessageHandler<C> {
    const contexts = nestContexts(this.contexts, host.moduleKey);
    const handlerFor = (instance: object, contextId?: ContextId): MessageHandler<C> =>
      contexts.create<never, 'rpc'>(
        instance,
        tolerateEmpty((instance as Record<string, Method>)[host.methodName] as Method),
        host.methodName,
        ROUTE_ARGS_METADATA,
        paramsFactory,
        contextId,
        host.wrapper.id,
        { guards: true, interceptors: true, filters: true },
        'rpc',
      );
    const shared = isShared(host.wrapper) ? handlerFor(host.wrapper.instance as object) : undefined;
    return async (payload, context) => {
      const handler = shared ?? (await this.fresh(host, handlerFor, context));
      const result = await handler(payload, context);
      // The answer of an exception filter comes as it is, and is by custom a `throwError()` that nobody has subscribed to.
      return isObservable(result) ? lastValueFrom(result, { defaultValue: undefined }) : result;
    };
  }

  private async fresh<C extends object>(
    host: HandlerHost,
    handlerFor: (instance: object, contextId?: ContextId) => MessageHandler<C>,
    context: C,
  ): Promise<MessageHandler<C>> {
    const { instance, contextId } = await this.instances.get(host, context);
    return handlerFor(instance, contextId);
  }
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
