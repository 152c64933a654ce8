import type { Duration } from '../common/duration.js';
import type { ConnectionSettings } from '../connection/connection-settings.js';
import type { PublisherOptions } from '../publishers/publisher-options.js';
import type { SerializationOptions } from '../serialization/message-serializers.js';

/**
 * Options of {@link AmqpModule.forRoot}.
 *
 * @publicApi
 */
export interface AmqpModuleOptions extends ConnectionSettings, SerializationOptions {
  /** Unacknowledged messages at most, for each consumer that sets none of its own. 0 or Infinity: no limit. Default 10. */
  readonly prefetch?: number;
  /**
   * The time that handlers have to finish in when the application stops, and batches to fill: milliseconds, or text as
   * `'10s'`; Infinity for no limit. What is not done then goes back to its queue, to be handled elsewhere. Default 10 s;
   * less than your orchestrator waits until it kills.
   */
  readonly gracePeriod?: Duration;
  /** Deadline and limits of publishes, for each publisher that sets none of its own. */
  readonly publishing?: PublisherOptions;
}

/** Which of an application's connections this is; said outside of a factory, since providers are named after it. */
export interface ConnectionNameOptions {
  /**
   * What consumers and publishers call it by: `@AmqpConsumer(queue, { connection: 'billing' })`. Default `default`, which
   * is the one of those that name none.
   */
  readonly name?: string;
}

/**
 * Makes the options, for `forRootAsync({ useClass })` and `{ useExisting }`.
 *
 * @publicApi
 */
export interface AmqpOptionsFactory {
  createAmqpOptions(): AmqpModuleOptions | string | Promise<AmqpModuleOptions | string>;
}
