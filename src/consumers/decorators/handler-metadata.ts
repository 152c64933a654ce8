import 'reflect-metadata';
import { InvalidConsumerError } from '../consumer.errors.js';
import { ENTRY_PROVIDER } from '../options/consumers.constants.js';
import { warnUnlessFound } from './found-hosts.js';

/**
 * Adds an entry to the decorators' metadata of a method, in the order in which the decorators are written.
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
      `${target.name}.${String(method)} is static, but Nest calls handlers on instances: remove 'static'`,
    );
  }
  const handler = descriptor.value as object;
  const others = (Reflect.getOwnMetadata(key, handler) ?? []) as object[];
  // Decorators run from the last to the first.
  Reflect.defineMetadata(key, [entry, ...others], handler);
  markEntryProvider(target.constructor);
  warnUnlessFound(target, method);
}

/**
 * Nest creates request-scoped and transient global enhancers (`APP_GUARD`, …) only for entry providers and controllers.
 */
function markEntryProvider(type: object): void {
  Reflect.defineMetadata(ENTRY_PROVIDER, true, type);
}
