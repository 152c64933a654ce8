import { Logger } from '@nestjs/common';

/** Objects with decorated methods that an AmqpModule has found. */
const found = new WeakSet<object>();
/** Prototypes whose instances check at the start of the application whether an AmqpModule has found them. */
const looking = new WeakSet<object>();

type Host = object & { onApplicationBootstrap?(): unknown };

/** @returns true if it was not found before */
export function markFound(host: object): boolean {
  if (found.has(host)) return false;
  found.add(host);
  return true;
}

/**
 * Has the instances of a class warn in `onApplicationBootstrap` if no AmqpModule has found them: without the module,
 * nothing of this package runs, and a decorated method would do nothing in silence.
 */
export function warnUnlessFound(prototype: Host, method: string | symbol): void {
  if (looking.has(prototype)) return;
  looking.add(prototype);
  const own = prototype.onApplicationBootstrap;
  const value = function onApplicationBootstrap(this: Host): unknown {
    if (!found.has(this)) {
      new Logger('AmqpConsumer').warn(
        `${prototype.constructor.name}.${String(method)} gets no messages: the application does not import AmqpModule. ` +
          'Add AmqpModule.forRoot({ url }) to the imports of its root module.',
      );
    }
    return own?.call(this);
  };
  Object.defineProperty(prototype, 'onApplicationBootstrap', { value, configurable: true, writable: true });
}
