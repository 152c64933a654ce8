import type { ConnectionOptions as TlsOptions } from 'node:tls';
import type { RmqOptions } from '@nestjs/microservices';

/**
 * The options that `Transport.RMQ` passes to amqp-connection-manager, which passes them to amqplib.
 *
 * @publicApi
 */
export interface SocketOptions {
  /** Seconds. */
  readonly heartbeatIntervalInSeconds?: number;
  /** Maximum time between attempts to reconnect, in seconds. Default: starts at 0.1 s and doubles up to 30 s. */
  readonly reconnectTimeInSeconds?: number;
  /** Returns the URLs of the brokers, instead of `urls`. */
  readonly findServers?: () => string | readonly string[] | Promise<string | readonly string[]>;
  readonly clientProperties?: ClientProperties;
  /** TLS options, timeout of an attempt (ms), credentials, client properties. */
  readonly connectionOptions?: ConnectionSettings;
  /** Other options are ignored: sockets send without delay, and heartbeats keep them alive. */
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

/** A URL as an object, as amqplib accepts it. */
export type RmqUrl = Exclude<NonNullable<NonNullable<RmqOptions['options']>['urls']>[number], string> & {
  readonly channelMax?: number;
};
