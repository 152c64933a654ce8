import type { DiscoveryService } from '@nestjs/core';

/** What Nest's container knows of a provider or a controller; it names the type nowhere in its public API. */
export type Wrapper = ReturnType<DiscoveryService['getProviders']>[number];

/** Where a decorated method lives. */
export interface HandlerHost {
  /** For people: `BillingConsumer.onOrder`. */
  readonly name: string;
  readonly methodName: string;
  /** What has the method: the prototype of the class, there also where no instance is. */
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
