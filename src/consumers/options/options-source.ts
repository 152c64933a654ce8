import type { FactoryInjection } from './queue-source.js';

/**
 * Returns the options of a consumer, for example from the configuration. Called once at the start, before consumers start.
 *
 * @example
 * ```ts
 * @AmqpConsumer('billing', {
 *   inject: [ConfigService],
 *   useFactory: (config: ConfigService) => ({ prefetch: config.get('PREFETCH'), enabled: config.get('ROLE') === 'worker' }),
 * })
 * ```
 */
export interface OptionsFactory<Options extends object> {
  /** Injection tokens. They are resolved in the handler's module first, then in all modules. Default: none. */
  readonly inject?: readonly FactoryInjection[];
  /** Gets the injected providers in this order and returns the options. */
  readonly useFactory: (...injected: never[]) => Options | Promise<Options>;
}

/** The options of a consumer, or a factory that returns them. */
export type OptionsSource<Options extends object> = Options | OptionsFactory<Options>;
