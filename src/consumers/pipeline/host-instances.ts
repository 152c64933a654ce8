import { Injectable } from '@nestjs/common';
import { ContextIdFactory, ModuleRef, type ContextId } from '@nestjs/core';
import type { HandlerHost, Wrapper } from './handler-host.js';
import { isShared } from './handler-host.js';

/** An instance to call a handler on. */
export interface HostInstance {
  readonly instance: object;
  /**
   * The instance's context id: that of one message, or of a durable sub-tree. Undefined for an instance that all
   * messages share.
   */
  readonly contextId: ContextId | undefined;
}

/**
 * Provides the instance for each handler call: the shared one, or one that Nest creates for the message with its
 * dependencies. In the latter case `REQUEST` is the message's context.
 */
@Injectable()
export class HostInstances {
  /** @param request the value of `REQUEST`: the `AmqpContext` of a message */
  async get({ wrapper }: HandlerHost, request: object): Promise<HostInstance> {
    if (isShared(wrapper)) return { instance: wrapper.instance as object, contextId: undefined };
    const contextId = ContextIdFactory.getByRequest(request);
    const moduleRef = moduleRefOf(wrapper);
    moduleRef.registerRequestByContextId(requestFor(wrapper, contextId, request), contextId);
    // Strict, since several modules may provide the class, each with its own instance.
    const instance = await moduleRef.resolve<object>(wrapper.token as string, contextId, { strict: true });
    return { instance, contextId };
  }
}

/** Returns the `ModuleRef` of the module of this provider or controller. */
export function moduleRefOf({ host }: Wrapper): ModuleRef {
  return host?.getProviderByKey<ModuleRef>(ModuleRef).instance as ModuleRef;
}

/**
 * Does what Nest does for HTTP. A durable tree outlives the request, so it sees only the payload of the
 * `ContextIdStrategy`. Any other tree sees the message, and the payload's properties where the message has none of that
 * name.
 */
function requestFor(wrapper: Wrapper, { payload }: ContextId, request: object): object {
  if (wrapper.isDependencyTreeDurable()) return payload as object;
  for (const [key, value] of Object.entries(payload ?? {}))
    if (!(key in request)) Object.assign(request, { [key]: value });
  return request;
}
