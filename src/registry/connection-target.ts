import type { AmqpModuleOptions } from './amqp-module.options.js';

/**
 * Token of an optional {@link ConnectionTarget}. Every connection injects it optionally, whatever its name and the
 * source of its options; applications do not provide it. See decision 14.
 */
export const CONNECTION_TARGET = Symbol('nest-amqp:connection-target');

/** Redirects the connections of an application, for example to the broker of a test. */
export interface ConnectionTarget {
  /** Returns the options to use instead of the given ones. */
  direct(connection: string, options: AmqpModuleOptions | undefined): AmqpModuleOptions;
}
