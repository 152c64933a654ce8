import { Injectable } from '@nestjs/common';
import { ExternalContextCreator, type ContextId } from '@nestjs/core';
import type { AmqpContext } from '../../settlement/amqp-context.js';
import { ROUTE_ARGS_METADATA, RpcArgument } from '../options/consumers.constants.js';
import { isShared, type HandlerHost } from './handler-host.js';
import { HostInstances } from './host-instances.js';
import { nestContexts } from './nest-contexts.js';
import { ProcessingHooks } from './processing-hooks.js';

/**
 * A handler within its guards, pipes, interceptors and filters. It returns a promise if there is something to await.
 *
 * @param context the value of `@Ctx()`, `REQUEST` and `host.switchToRpc().getContext()`
 */
export type MessageHandler<C extends object = AmqpContext> = (payload: unknown, context: C) => unknown;

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
    private readonly hooks: ProcessingHooks,
  ) {}

  create<C extends object = AmqpContext>(host: HandlerHost): MessageHandler<C> {
    const contexts = nestContexts(this.contexts, host.moduleKey);
    const handlerFor = (instance: object, contextId?: ContextId): MessageHandler<C> =>
      contexts.create<never, 'rpc'>(
        instance,
        (instance as Record<string, Method>)[host.methodName] as Method,
        host.methodName,
        ROUTE_ARGS_METADATA,
        paramsFactory,
        contextId,
        host.wrapper.id,
        { guards: true, interceptors: true, filters: true },
        'rpc',
      );
    if (isShared(host.wrapper)) return this.hooks.around(handlerFor(host.wrapper.instance as object));
    return this.hooks.around(async (payload, context) => {
      const { instance, contextId } = await this.instances.get(host, context);
      return handlerFor(instance, contextId)(payload, context);
    });
  }
}
