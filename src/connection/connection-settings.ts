import type { ConnectionOptions, Urls } from '../../lib/client/index.js';
import type { Duration } from '../common/duration.js';
import type { TopologyOptions } from '../topology/topology.js';

/** Which broker an application connects to, how, and what it declares there. */
export interface ConnectionSettings {
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
  /**
   * How long the broker may be away until the start fails with `AmqpStartupError`: milliseconds, or text as `'10s'`; Infinity
   * for no limit. Default 10 s.
   */
  readonly startupTimeout?: Duration;
}
