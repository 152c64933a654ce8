import type { DiscoveryService } from '@nestjs/core';

/** The container's record of a provider or a controller. Nest's public API has no name for this type. */
export type Wrapper = ReturnType<DiscoveryService['getProviders']>[number];

/** The place of a decorated method: its class, and the module that holds the class. */
export interface HandlerHost {
  /** For people: `BillingConsumer.onOrder`. */
  readonly name: string;
  readonly methodName: string;
  /** The prototype of the class that has the method. It exists even where no instance does. */
  readonly prototype: object;
  readonly wrapper: Wrapper;
  /** Key, in Nest's container, of the module that holds it; its enhancers are found there. */
  readonly moduleKey: string;
}

/**
 * One instance for all messages. Else there is one for each: the class, something that it injects, or one of its
 * guards, pipes, interceptors or filters is request-scoped, or the class is transient.
 */
export function isShared(wrapper: Wrapper): boolean {
  return wrapper.isDependencyTreeStatic() && !wrapper.isTransient;
}
