import type { ConnectionOptions, Urls } from '../../lib/client/index.js';
import type { PublisherOptions } from '../publishers/publisher-options.js';
import type { MessageSerializer } from '../serialization/message-serializer.js';
import type { TopologyOptions } from '../topology/topology.js';

/**
 * Options of {@link AmqpModule.forRoot}.
 *
 * @publicApi
 */
export interface AmqpModuleOptions {
  /**
   * The broker: `amqp://user:password@host:5672/vhost`, `amqps://…` for TLS. Several are nodes of one cluster, tried in
   * random order. Required: an application that loses this setting should not find itself on localhost.
   */
  readonly url: Urls;
  /**
   * Shown by RabbitMQ for the two connections, followed by `(publishing)` and `(consuming)`. Default `nest-amqp` and the
   * connection's name; give each application its own.
   */
  readonly connectionName?: string;
  /** What else there is to say about the connections: TLS, heartbeat, timeouts, reconnecting, … */
  readonly connection?: Omit<ConnectionOptions, 'urls' | 'connectionName' | 'logger'>;
  /** Exchanges, queues and bindings, declared before the consumers start and again after a reconnect. */
  readonly topology?: TopologyOptions;
  /**
   * What to do when the broker cannot be reached as the application starts. `wait`: keep trying, and fail the start after
   * `startupTimeout`. `background`: start without it, keep trying for as long as it takes; consumers start when it is
   * there, publishes wait within their deadline, health is down. Default `wait`.
   */
  readonly startup?: 'wait' | 'background';
  /** Milliseconds until an unreachable broker fails the start with `AmqpStartupError`. Default 10,000. */
  readonly startupTimeout?: number;
  /** Unacknowledged messages at most, for each consumer that sets none of its own. Default 10. */
  readonly prefetch?: number;
  /**
   * Milliseconds that handlers have to finish in when the application stops, and batches to fill. What is not done then
   * goes back to its queue, to be handled elsewhere. Default 10,000; less than your orchestrator waits until it kills.
   */
  readonly gracePeriod?: number;
  /** Deadline and limits of publishes, for each publisher that sets none of its own. */
  readonly publishing?: PublisherOptions;
  /** Asked before the built-in ones for JSON, text and bytes, in this order. */
  readonly serializers?: readonly MessageSerializer[];
  /** What to take messages for that name no content type. Default: bytes, `application/octet-stream`. */
  readonly defaultContentType?: string;
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
