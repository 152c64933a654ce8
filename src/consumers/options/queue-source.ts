import type { FactoryProvider } from '@nestjs/common';

/**
 * The name of a queue that comes from elsewhere, its configuration for one. Made once, when the application starts, and
 * before the consumers do.
 *
 * @example
 * ```ts
 * @AmqpConsumer({ inject: [ConfigService], useFactory: (config: ConfigService) => config.getOrThrow('BILLING_QUEUE') })
 * ```
 */
export interface QueueFactory {
  /** Tokens of providers, the handler's module's first and then those of all modules. Default: none. */
  readonly inject?: readonly FactoryInjection[];
  /** Gets what `inject` names, in this order; makes the name. */
  readonly useFactory: (...injected: never[]) => string | Promise<string>;
}

type FactoryInjection = Exclude<NonNullable<FactoryProvider['inject']>[number], { optional: boolean }>;

/** A queue's name, or where it comes from. */
export type QueueSource = string | QueueFactory;
