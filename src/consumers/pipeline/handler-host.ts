import type { DiscoveryService } from '@nestjs/core';

/** The container's record of a provider or a controller. Nest's public API has no name for this type. */
export type Wrapper = ReturnType<DiscoveryService['getProviders']>[number];

/** The place of a decorated method: its class, and the module that holds the class. */
export interface HandlerHost {
  /** Its name in logs and errors: `BillingConsumer.onOrder`. */
  readonly name: string;
  readonly methodName: string;
  /** The prototype of the class that has the method. It exists even if there is no instance. */
  readonly prototype: object;
  readonly wrapper: Wrapper;
  /** Key of its module in Nest's container. Its enhancers are found in that module. */
  readonly moduleKey: string;
}

/**
 * True if one instance serves all messages. False if each message needs its own, because the class, one of its
 * dependencies or one of its enhancers is request-scoped, or because the class is transient.
 */
export function isShared(wrapper: Wrapper): boolean {
  return wrapper.isDependencyTreeStatic() && !wrapper.isTransient;
}
