import 'reflect-metadata';
import { InvalidConsumerError } from '../consumer.errors.js';
import { ENTRY_PROVIDER } from '../options/consumers.constants.js';
import { warnUnlessFound } from './found-hosts.js';

/**
 * Adds an entry to the decorators' metadata of a method, in the order in which the decorators are written.
 *
 * @throws InvalidConsumerError for anything but a method with a name, on instances
 */
export function addHandlerMetadata(
  key: string,
  entry: object,
  target: object,
  method: string | symbol,
  descriptor: PropertyDescriptor | undefined,
): void {
  const handler = handlerOf(target, method, descriptor);
  const others = (Reflect.getOwnMetadata(key, handler) ?? []) as object[];
  // Decorators run from the last to the first.
  Reflect.defineMetadata(key, [entry, ...others], handler);
  markEntryProvider(target.constructor);
  warnUnlessFound(target, method);
}

/** Untyped callers may decorate anything. @throws InvalidConsumerError */
function handlerOf(target: object, method: string | symbol | undefined, descriptor: unknown): object {
  if (method === undefined) {
    throw new InvalidConsumerError(
      `${classNameOf(target)}: the decorator is on a class or a parameter, which cannot consume: put it on a method`,
    );
  }
  const name = `${classNameOf(target)}.${String(method)}`;
  if (typeof target === 'function') {
    throw new InvalidConsumerError(`${name} is static, but Nest calls handlers on instances: remove 'static'`);
  }
  const handler = (Object(descriptor) as PropertyDescriptor).value as unknown;
  if (typeof handler !== 'function') {
    throw new InvalidConsumerError(
      `${name} is no method: put the decorator on a method, not on a property or accessor`,
    );
  }
  if (typeof method === 'symbol') {
    throw new InvalidConsumerError(`${name} is named by a symbol, and Nest finds methods by text: give it a name`);
  }
  return handler;
}

function classNameOf(target: object): string {
  return typeof target === 'function' ? target.name : target.constructor.name;
}

/**
 * Nest creates request-scoped and transient global enhancers (`APP_GUARD`, …) only for entry providers and controllers.
 */
function markEntryProvider(type: object): void {
  Reflect.defineMetadata(ENTRY_PROVIDER, true, type);
}
