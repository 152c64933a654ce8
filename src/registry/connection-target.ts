import type { AmqpModuleOptions } from './amqp-module.options.js';

/**
 * Token of the {@link ConnectionTarget}, if there is one. Connections look for it by an optional injection: that reaches
 * all of them, by whatever name and from wherever their options come, and costs an application nothing. See decision 14.
 */
export const CONNECTION_TARGET = Symbol('nest-amqp:connection-target');

/** Leads the connections of an application somewhere else than their options say: to the broker of a test. */
export interface ConnectionTarget {
  /** The options to be used in place of these. */
  direct(connection: string, options: AmqpModuleOptions | undefined): AmqpModuleOptions;
}
