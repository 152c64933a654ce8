import { ConfigurationError } from '../errors.js';
import { checkValue } from '../option-checks.js';
import { TUNING_CHECKS } from './tuning.js';

/** A broker's address and login, as in an AMQP URI (https://www.rabbitmq.com/docs/uri-spec). */
export interface Endpoint {
  /** True for `amqps:`. */
  readonly tls: boolean;
  /** Host name or IP address, without brackets. Default `localhost`. */
  readonly host: string;
  /** Default 5672, or 5671 with TLS. */
  readonly port: number;
  /** Name of the virtual host. Default `/`. */
  readonly vhost: string;
  /** User name, decoded; undefined if the URI has none. */
  readonly username: string | undefined;
  /** Password, decoded; undefined if the URI has none. */
  readonly password: string | undefined;
  /** The query parameters that the client understands. */
  readonly query: UriQuery;
}

/** The query parameters that the client understands (https://www.rabbitmq.com/docs/uri-query-parameters). */
export interface UriQuery {
  /** Seconds. */
  readonly heartbeat?: number;
  /** Milliseconds. */
  readonly connectionTimeout?: number;
  readonly channelMax?: number;
  /** Bytes. */
  readonly frameMax?: number;
  readonly authMechanism?: string;
}

/** The schemes, and whether they mean TLS. The last two are those of other clients. */
const schemes = new Map([
  ['amqp:', false],
  ['amqps:', true],
  ['amqp+ssl:', true],
  ['amqp+tls:', true],
]);

/** Numbers in the query: RabbitMQ's names, and amqplib's. */
const numbers = {
  heartbeat: 'heartbeat',
  connection_timeout: 'connectionTimeout',
  channel_max: 'channelMax',
  channelMax: 'channelMax',
  frame_max: 'frameMax',
  frameMax: 'frameMax',
} as const;

/** Numbers whose 0 means that the client sets no limit. */
const limits: ReadonlySet<string> = new Set(['channelMax', 'frameMax']);

/**
 * Parses `amqp://` and `amqps://` URIs, as most clients read them:
 *
 * - The path, without its first slash, is the vhost; `%2F` and a further `/` both are a slash in its name.
 * - Without a path, and with a lone `/`, the vhost is `/`. (RabbitMQ's specification reads a lone `/` as the vhost without
 *   a name; `?vhost=` says that.)
 * - `?vhost=name` replaces the path.
 *
 * @example
 * ```ts
 * const { host, port, vhost } = parseUri('amqps://rabbit/shop?heartbeat=10'); // rabbit, 5671, shop
 * ```
 *
 * @throws ConfigurationError, which never contains the URI, since the URI may contain a password
 *
 * @see https://www.rabbitmq.com/docs/uri-spec
 */
export function parseUri(uri: string): Endpoint {
  const url = toUrl(uri);
  const tls = schemes.get(url.protocol);
  if (tls === undefined) {
    throw new ConfigurationError(
      `the URI's scheme is '${url.protocol}'; it must be 'amqp:' or 'amqps:', as in 'amqp://localhost:5672'`,
    );
  }
  return {
    tls,
    host: decode(url.hostname.replace(/^\[(.*)\]$/, '$1'), 'host') || 'localhost',
    port: url.port ? Number(url.port) : tls ? 5671 : 5672,
    vhost: url.searchParams.get('vhost') ?? (decode(url.pathname.slice(1), 'vhost') || '/'),
    username: url.username ? decode(url.username, 'username') : undefined,
    password: url.password ? decode(url.password, 'password') : undefined,
    query: parseQuery(url.searchParams),
  };
}

/** `host:port`, for messages. */
export function addressOf(endpoint: Endpoint): string {
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host;
  return `${host}:${endpoint.port}`;
}

function toUrl(uri: string): URL {
  const [, authority = '', rest = ''] = /^[a-z+]+:\/\/([^/?#]*)(.*)$/is.exec(uri) ?? [];
  // A part of a password would be read as a port, a vhost or a query, and would be sent or shown in errors.
  if (rest.includes('#') || (rest.includes('@') && !authority.includes('@'))) {
    throw new ConfigurationError(
      "the URI's names and passwords must be percent-encoded: '/' is %2F, '?' is %3F, '#' is %23, '@' is %40",
    );
  }
  // A user or a port without a host is valid in an AMQP URI, but not in a URL.
  const complete = authority === '' ? uri : uri.replace(/^([a-z+]+:\/\/(?:[^/?#]*@)?)(?=[:/?#]|$)/i, '$1localhost');
  if (typeof uri !== 'string' || !URL.canParse(complete)) {
    throw new ConfigurationError('not an AMQP URI; it should look like amqp://user:password@host:5672/vhost');
  }
  return new URL(complete);
}

function decode(text: string, part: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ConfigurationError(`the URI's ${part} has a '%' that begins no percent-encoding: write it as %25`);
  }
}

function parseQuery(parameters: URLSearchParams): UriQuery {
  const query: Record<string, number | string> = {};
  for (const [name, value] of parameters) {
    if (name === 'auth_mechanism') query['authMechanism'] = value.toUpperCase();
    else if (Object.hasOwn(numbers, name)) {
      const option = numbers[name as keyof typeof numbers];
      const number = wholeNumber(name, value);
      if (number === 0 && limits.has(option)) continue;
      checkValue(`the URI's ${name}`, number, TUNING_CHECKS[option]);
      query[option] = number;
    } else if (!READ_ELSEWHERE.has(name)) {
      const known = [...Object.keys(numbers), 'auth_mechanism', 'vhost'].join(', ');
      throw new ConfigurationError(`the URI's query has '${name}', which is unknown; known are: ${known}`);
    }
  }
  return query;
}

/** `parseUri` reads the vhost; amqplib's locale has one value only, which the handshake sends. */
const READ_ELSEWHERE: ReadonlySet<string> = new Set(['vhost', 'locale']);

function wholeNumber(name: string, value: string): number {
  if (!/^\d{1,10}$/.test(value)) throw new ConfigurationError(`the URI's ${name} must be a whole number`);
  return Number(value);
}
