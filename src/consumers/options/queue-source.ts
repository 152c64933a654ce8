import type { FactoryProvider } from '@nestjs/common';

/**
 * Returns the name of a queue, for example from the configuration. Called once at the start, before consumers start.
 *
 * @example
 * ```ts
 * @AmqpConsumer({ inject: [ConfigService], useFactory: (config: ConfigService) => config.getOrThrow('BILLING_QUEUE') })
 * ```
 */
export interface QueueFactory {
  /** Injection tokens. They are resolved in the handler's module first, then in all modules. Default: none. */
  readonly inject?: readonly FactoryInjection[];
  /** Gets the injected providers in this order and returns the name. */
  readonly useFactory: (...injected: never[]) => string | Promise<string>;
}

/** An injection token of a factory. */
export type FactoryInjection = Exclude<NonNullable<FactoryProvider['inject']>[number], { optional: boolean }>;

/** The name of a queue, or a factory that returns it. */
export type QueueSource = string | QueueFactory;
