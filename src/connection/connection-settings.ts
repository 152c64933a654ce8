import type { ConnectionOptions, Urls } from '../../lib/client/index.js';
import type { Duration } from '../common/duration.js';
import type { TopologyOptions } from '../topology/topology.js';

/** The broker of an application, how to connect to it, and what to declare there. */
export interface ConnectionSettings {
  /**
   * URL of the broker: `amqp://user:password@host:5672/vhost`, `amqps://…` for TLS. Several URLs are the nodes of one
   * cluster and are tried in random order. Required, so that an application that lost its configuration does not
   * connect to localhost.
   */
  readonly url: Urls;
  /**
   * Name of the two connections in RabbitMQ's management pages, followed by `(publishing)` and `(consuming)`. Give each
   * application its own name. Default: `nest-amqp` and the connection's name.
   */
  readonly connectionName?: string;
  /** Further options of the client core: TLS, heartbeat, timeouts, reconnecting, … */
  readonly connection?: Omit<ConnectionOptions, 'urls' | 'connectionName' | 'logger'>;
  /** Exchanges, queues and bindings. They are declared before consumers start, and again after a reconnect. */
  readonly topology?: TopologyOptions;
  /**
   * The behaviour if the broker cannot be reached at the start. Default `wait`.
   *
   * - `wait` keeps trying, and fails the start after `startupTimeout`.
   * - `background` starts without the broker and keeps trying without a limit. Consumers start when it answers,
   *   publishes wait within their timeout, and health is down.
   */
  readonly startup?: 'wait' | 'background';
  /**
   * Time until the start fails with `AmqpStartupError` if the connections are not open, and again if the topology is not
   * declared: ms, or a text such as `'10s'`; Infinity for no limit. Default 10 s.
   */
  readonly startupTimeout?: Duration;
}
