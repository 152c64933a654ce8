import { Injectable } from '@nestjs/common';
import { ContextIdFactory, ModuleRef, type ContextId } from '@nestjs/core';
import type { HandlerHost, Wrapper } from './handler-host.js';
import { isShared } from './handler-host.js';

/** An instance to call a handler on. */
export interface HostInstance {
  readonly instance: object;
  /** Of this message alone, or of a durable sub-tree; undefined for an instance that all messages share. */
  readonly contextId: ContextId | undefined;
}

/**
 * The instances that handlers are called on: the one there is, or a fresh one for each message, made by Nest with
 * whatever it injects. `REQUEST` is then the message's context.
 */
@Injectable()
export class HostInstances {
  /** @param request what `REQUEST` is to be: the `AmqpContext` of a message */
  async get({ wrapper }: HandlerHost, request: object): Promise<HostInstance> {
    if (isShared(wrapper)) return { instance: wrapper.instance as object, contextId: undefined };
    const contextId = ContextIdFactory.getByRequest(request);
    const moduleRef = moduleRefOf(wrapper);
    moduleRef.registerRequestByContextId(requestFor(wrapper, contextId, request), contextId);
    // Strict: several modules may provide the class, each an instance of its own.
    const instance = await moduleRef.resolve<object>(wrapper.token as string, contextId, { strict: true });
    return { instance, contextId };
  }
}

/** The `ModuleRef` of the module that holds this provider or controller. */
export function moduleRefOf({ host }: Wrapper): ModuleRef {
  return host?.getProviderByKey<ModuleRef>(ModuleRef).instance as ModuleRef;
}

/**
 * As Nest does it for HTTP: a durable tree outlives the request, so that it sees the payload of the
 * `ContextIdStrategy` alone; any other sees it in addition, without anything of the message being hidden by it.
 */
function requestFor(wrapper: Wrapper, { payload }: ContextId, request: object): object {
  if (wrapper.isDependencyTreeDurable()) return payload as object;
  for (const [key, value] of Object.entries(payload ?? {}))
    if (!(key in request)) Object.assign(request, { [key]: value });
  return request;
}
