import type { ConnectionOptions as TlsOptions } from 'node:tls';
import type { RmqOptions } from '@nestjs/microservices';

/**
 * What `Transport.RMQ` hands to amqp-connection-manager, and that to amqplib.
 *
 * @publicApi
 */
export interface SocketOptions {
  /** Seconds. */
  readonly heartbeatIntervalInSeconds?: number;
  /** Seconds between attempts to reconnect, at most. Default: from 0.1 s doubling up to 30 s. */
  readonly reconnectTimeInSeconds?: number;
  /** Finds the brokers, instead of `urls`. */
  readonly findServers?: () => string | readonly string[] | Promise<string | readonly string[]>;
  readonly clientProperties?: ClientProperties;
  /** TLS options, the timeout of an attempt (ms), credentials, client properties. */
  readonly connectionOptions?: ConnectionSettings;
  /** Others are left alone: sockets are without delay, and kept alive by heartbeats. */
  readonly [other: string]: unknown;
}

export interface ConnectionSettings extends TlsOptions {
  readonly clientProperties?: ClientProperties;
  readonly credentials?: { readonly mechanism: string; readonly username?: string; readonly password?: string };
  readonly noDelay?: boolean;
  readonly keepAlive?: boolean;
  readonly keepAliveDelay?: number;
}

interface ClientProperties {
  readonly connectionName?: string;
  readonly connection_name?: string;
  readonly [other: string]: unknown;
}

/** A URL in parts, as amqplib takes it. */
export type RmqUrl = Exclude<NonNullable<NonNullable<RmqOptions['options']>['urls']>[number], string>;
