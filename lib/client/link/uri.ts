import { ConfigurationError } from '../errors.js';

/** Where a broker is and how to log in, as an AMQP URI says it (https://www.rabbitmq.com/docs/uri-spec). */
export interface Endpoint {
  readonly tls: boolean;
  readonly host: string;
  readonly port: number;
  readonly vhost: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly query: UriQuery;
}

/** The query parameters that are understood (https://www.rabbitmq.com/docs/uri-query-parameters). */
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

const numbers = {
  heartbeat: 'heartbeat',
  connection_timeout: 'connectionTimeout',
  channel_max: 'channelMax',
  frame_max: 'frameMax',
} as const;

/**
 * Parses `amqp://` and `amqps://` URIs. No path means the vhost `/`, a lone `/` means the empty one, `%2F` is a slash.
 *
 * @throws ConfigurationError, which never repeats the URI: it may hold a password
 */
export function parseUri(uri: string): Endpoint {
  const url = toUrl(uri);
  if (url.protocol !== 'amqp:' && url.protocol !== 'amqps:') {
    throw new ConfigurationError(`the URI's scheme is '${url.protocol}'; it must be 'amqp:' or 'amqps:'`);
  }
  const segments = url.pathname.split('/').slice(1);
  if (segments.length > 1) {
    throw new ConfigurationError("the URI's path has more than one segment: write a slash in a vhost as %2F");
  }
  const secure = url.protocol === 'amqps:';
  return {
    tls: secure,
    host: decode(url.hostname.replace(/^\[(.*)\]$/, '$1'), 'host') || 'localhost',
    port: url.port ? Number(url.port) : secure ? 5671 : 5672,
    vhost: segments.length === 0 ? '/' : decode(segments[0]!, 'vhost'),
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
  const [, authority = '', rest = ''] = /^[a-z]+:\/\/([^/?#]*)(.*)$/is.exec(uri) ?? [];
  // Half a password would be taken for a port, a vhost or a query: it would be sent, and told in errors.
  if (rest.includes('#') || (rest.includes('@') && !authority.includes('@'))) {
    throw new ConfigurationError(
      "the URI's names and passwords must be percent-encoded: '/' is %2F, '?' is %3F, '#' is %23, '@' is %40",
    );
  }
  // A user or a port without a host is an AMQP URI, but no URL.
  const complete = authority === '' ? uri : uri.replace(/^([a-z]+:\/\/(?:[^/?#]*@)?)(?=[:/?#]|$)/i, '$1localhost');
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
    else if (name in numbers) query[numbers[name as keyof typeof numbers]] = wholeNumber(name, value);
    else {
      const known = [...Object.keys(numbers), 'auth_mechanism'].join(', ');
      throw new ConfigurationError(`the URI's query has '${name}', which is not understood; these are: ${known}`);
    }
  }
  return query;
}

function wholeNumber(name: string, value: string): number {
  if (!/^\d{1,9}$/.test(value)) throw new ConfigurationError(`the URI's ${name} must be a whole number`);
  return Number(value);
}
