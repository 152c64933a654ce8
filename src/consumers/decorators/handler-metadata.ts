import 'reflect-metadata';
import { InvalidConsumerError } from '../consumer.errors.js';
import { ENTRY_PROVIDER } from '../options/consumers.constants.js';

/**
 * Adds to what the decorators of one kind have left on a method: the list of them, in the order they are written in.
 *
 * @throws InvalidConsumerError for a static method
 */
export function addHandlerMetadata(
  key: string,
  entry: object,
  target: object,
  method: string | symbol,
  descriptor: PropertyDescriptor,
): void {
  if (typeof target === 'function') {
    throw new InvalidConsumerError(
      `${target.name}.${String(method)} is static, and Nest handles messages by instances: remove 'static'`,
    );
  }
  const handler = descriptor.value as object;
  const others = (Reflect.getOwnMetadata(key, handler) ?? []) as object[];
  // Decorators run from the last to the first.
  Reflect.defineMetadata(key, [entry, ...others], handler);
  markEntryProvider(target.constructor);
}

/** Nest gives request-scoped and transient global enhancers (`APP_GUARD`, …) to entry providers and controllers only. */
function markEntryProvider(type: object): void {
  Reflect.defineMetadata(ENTRY_PROVIDER, true, type);
}
