import type { ConnectionOptions as TlsOptions } from 'node:tls';
import type { RmqOptions } from '@nestjs/microservices';
import { ConfigurationError, TLS_OPTIONS } from '../../../lib/client/index.js';
import { namesOf, numberFrom, numberIn, unknownOption } from '../../../lib/option-names/index.js';
import { refuseUnknown } from '../../common/known-options.js';
import { checkValues, FUNCTION, OBJECT, type ValueChecks } from '../../common/option-values.js';

/**
 * The options that `Transport.RMQ` passes to amqp-connection-manager, which passes them to amqplib.
 *
 * @publicApi
 */
export interface SocketOptions extends IgnoredOptions {
  /** Heartbeat interval in seconds; 0 disables heartbeats. Default 20. */
  readonly heartbeatIntervalInSeconds?: number;
  /** Maximum time between attempts to reconnect, in seconds. Default: starts at 0.1 s and doubles up to 30 s. */
  readonly reconnectTimeInSeconds?: number;
  /** Returns the URLs of the brokers, instead of `urls`. Default: `urls`. */
  readonly findServers?: () => string | readonly string[] | Promise<string | readonly string[]>;
  /** Further client properties, which the broker shows. Default: none. */
  readonly clientProperties?: ClientProperties;
  /** TLS options, timeout of an attempt (ms), credentials, client properties. Default: those of the client core. */
  readonly connectionOptions?: ConnectionSettings;
}

export interface ConnectionSettings extends TlsOptions, IgnoredOptions {
  readonly clientProperties?: ClientProperties;
  readonly credentials?: Login | undefined;
}

/** Accepted without effect: sockets send without delay, and heartbeats keep connections alive. */
interface IgnoredOptions {
  readonly noDelay?: boolean;
  readonly keepAlive?: boolean;
  readonly keepAliveDelay?: number;
}

/** A login, as `credentials` of amqplib makes it. */
interface Login {
  readonly mechanism: string;
  readonly username?: string;
  readonly password?: string;
  /** The response to the broker, if there is no username. */
  readonly response?: () => Buffer;
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

const IGNORED = { noDelay: 0, keepAlive: 0, keepAliveDelay: 0 } as const satisfies Record<keyof IgnoredOptions, 0>;

const SOCKET = namesOf({
  heartbeatIntervalInSeconds: 0,
  reconnectTimeInSeconds: 0,
  findServers: 0,
  clientProperties: 0,
  connectionOptions: 0,
  ...IGNORED,
} satisfies Record<keyof SocketOptions, 0>);

/** Beside those of TLS. */
const SETTINGS = namesOf({ timeout: 0, clientProperties: 0, credentials: 0, ...IGNORED } satisfies Record<
  Exclude<keyof ConnectionSettings, Exclude<keyof TlsOptions, 'timeout'>>,
  0
>);

const VALUES: ValueChecks<SocketOptions> = {
  heartbeatIntervalInSeconds: numberIn(0, 0xffff),
  reconnectTimeInSeconds: numberFrom(0),
  findServers: FUNCTION,
  clientProperties: OBJECT,
  connectionOptions: OBJECT,
};

const LOGIN = namesOf({ mechanism: 0, username: 0, password: 0, response: 0 } satisfies Record<keyof Login, 0>);

/**
 * Refuses unknown names, of which `Transport.RMQ` takes no notice.
 *
 * @param what owner of the options, for errors: `AmqpServer`
 * @throws ConfigurationError
 */
export function checkSocketOptions(what: string, options: SocketOptions): void {
  const place = `${what}: socketOptions`;
  const unknown = unknownOption(options, SOCKET);
  if (unknown !== undefined) {
    throw new ConfigurationError(
      `${place}: ${unknown}. Options of TLS, timeout and credentials go into connectionOptions.`,
    );
  }
  checkValues(place, options, VALUES);
  const { connectionOptions } = options;
  if (connectionOptions === undefined) return;
  refuseUnknown(`${place}.connectionOptions`, connectionOptions, [...new Set([...SETTINGS, ...TLS_OPTIONS])]);
  checkValues(`${place}.connectionOptions`, connectionOptions, { timeout: numberFrom(1), clientProperties: OBJECT });
  const { credentials } = connectionOptions;
  if (credentials !== undefined) refuseUnknown(`${place}.connectionOptions.credentials`, credentials, LOGIN);
}
