import { connectionEndpointOf, newConnection, type Connection } from './connection.js';
import { ConfigurationError } from '../errors.js';
import { resolveOptions, type ConnectionOptions, type Urls } from '../link/connection-options.js';

/**
 * Opens a connection. Tries every host once, in random order, each with its own deadline.
 *
 * @example
 * ```ts
 * const connection = await connect('amqp://localhost', { connectionName: 'billing' });
 * const cluster = await connect(['amqps://rabbit-1', 'amqps://rabbit-2'], { tls: { ca } });
 * ```
 *
 * @param urls one AMQP URI, several URIs, a function that returns them, or options with `urls`. Without arguments:
 *   `amqp://localhost`
 * @throws ConnectionError (its `cause` is the socket's), AccessRefusedError with scope 'connection' for a refused
 *   login, NotAllowedError for an unknown vhost, TimeoutError after `connectTimeout`, UnexpectedPeerError if something
 *   other than an AMQP broker answers, ConfigurationError for an unknown option or an invalid value
 *
 * @see https://www.rabbitmq.com/docs/connections
 */
export function connect(): Promise<Connection>;
export function connect(urls: Urls | ConnectionOptions, options?: ConnectionOptions): Promise<Connection>;
export async function connect(...given: Given): Promise<Connection> {
  const merged = mergedOptions('connect', given);
  const connection = newConnection(resolveOptions(merged));
  await connectionEndpointOf(connection).open(merged.signal);
  return connection;
}

/**
 * Returns a connection that connects in the background, in the way in which it later reconnects: it tries until a
 * broker answers, within the limits of `reconnect`. It can be used at once: channels, publishes and calls wait within
 * their deadlines. `whenOpen()` waits for it. The event `reconnectFailed` reports each failed attempt, and `closed` the
 * end.
 *
 * @example
 * ```ts
 * const connection = createConnection('amqp://localhost');
 * const channel = connection.channel({ confirm: true });
 * await channel.publish('orders', 'order.created', body, { timeout: 60_000 });
 * ```
 *
 * @param urls as of `connect()`
 * @throws ConfigurationError for an unknown option or an invalid value
 */
export function createConnection(): Connection;
export function createConnection(urls: Urls | ConnectionOptions, options?: ConnectionOptions): Connection;
export function createConnection(...given: Given): Connection {
  const merged = mergedOptions('createConnection', given);
  const connection = newConnection(resolveOptions(merged));
  connectionEndpointOf(connection).openInBackground(merged.signal);
  return connection;
}

type Given = readonly [urls?: Urls | ConnectionOptions, options?: ConnectionOptions];

function mergedOptions(what: string, given: Given): ConnectionOptions {
  const [urls, options = {}] = given;
  const merged = isUrls(urls) ? { ...options, urls } : { ...urls, ...options };
  if (typeof options !== 'object' || options === null) {
    throw new ConfigurationError(`${what}: the options must be an object`);
  }
  // A missing environment variable must not lead to a broker on this host.
  const missing = given.length > 0 && urls === undefined;
  if (missing || urls === null || ('urls' in merged && merged.urls === undefined)) {
    throw new ConfigurationError(
      `${what}: the AMQP URI is ${urls === null ? 'null' : 'undefined'}; give one, or leave it out for amqp://localhost`,
    );
  }
  if (!isUrls(urls) && urls !== undefined && typeof urls !== 'object') {
    throw new ConfigurationError(`${what}() takes an AMQP URI, a list of URIs, or options`);
  }
  return merged;
}

function isUrls(given: Urls | ConnectionOptions | undefined): given is Urls {
  return typeof given === 'string' || typeof given === 'function' || Array.isArray(given);
}
