import type { Duration } from '../common/duration.js';
import type { ConnectionSettings } from '../connection/connection-settings.js';
import type { PublisherOptions } from '../publishers/publisher-options.js';
import type { RpcErrors } from '../rpc/told-error.js';
import type { SerializationOptions } from '../serialization/message-serializers.js';

/**
 * Options of {@link AmqpModule.forRoot}.
 *
 * @publicApi
 */
export interface AmqpModuleOptions extends ConnectionSettings, SerializationOptions {
  /**
   * Maximum number of unacknowledged messages of a consumer that sets no `prefetch` itself. 0 or Infinity: no limit.
   * Default 10.
   */
  readonly prefetch?: number;
  /**
   * Time for running handlers to finish, and for batches to fill, when the application stops: ms, or a text such as
   * `'10s'`; Infinity for no limit. Messages that are not settled by then return to their queue. Choose less than the
   * time after which your platform kills the process. Default 10 s.
   */
  readonly gracePeriod?: Duration;
  /** Timeout and limits of publishes, for publishers that set none themselves. Default: those of {@link PublisherOptions}. */
  readonly publishing?: PublisherOptions;
  /**
   * What requesters learn of an error of an {@link AmqpRpc} handler that sets no `errors` itself. Default `'exceptions'`:
   * what an `HttpException` or `RpcException` says; of any other error `internal error` and an id that the log has, too.
   */
  readonly rpcErrors?: RpcErrors;
}

/** The name of a connection. It is given outside of the options factory, since it names the providers. */
export interface ConnectionNameOptions {
  /**
   * Name by which consumers and publishers refer to the connection: `@AmqpConsumer(queue, { connection: 'billing' })`.
   * Default `default`, which is used where no name is given.
   */
  readonly name?: string;
}

/**
 * Creates the options, for `forRootAsync({ useClass })` and `{ useExisting }`.
 *
 * @example
 * ```ts
 * @Injectable()
 * class BrokerOptions implements AmqpOptionsFactory {
 *   constructor(private readonly config: ConfigService) {}
 *
 *   createAmqpOptions() {
 *     return { url: this.config.getOrThrow<string>('AMQP_URL') };
 *   }
 * }
 * ```
 *
 * @publicApi
 */
export interface AmqpOptionsFactory {
  /** Returns the options, or a URL, or a promise of either. An error fails the start. */
  createAmqpOptions(): AmqpModuleOptions | string | Promise<AmqpModuleOptions | string>;
}
