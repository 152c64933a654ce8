import { connectionEndpointOf, newConnection, type Connection } from './connection.js';
import { ConfigurationError } from '../errors.js';
import { resolveOptions, type ConnectionOptions, type Urls } from '../link/connection-options.js';

/**
 * Opens a connection: tries every host once, in random order, each with its own deadline.
 *
 * @param urls one AMQP URI, several, a function that finds them, or the options with `urls` in them
 * @throws ConnectionError (its `cause` is the socket's), AccessRefusedError with scope 'connection' for a refused
 *   login, NotAllowedError for a vhost, TimeoutError, UnexpectedPeerError, ConfigurationError
 */
export async function connect(urls?: Urls | ConnectionOptions, options: ConnectionOptions = {}): Promise<Connection> {
  const merged = mergedOptions('connect', urls, options);
  const connection = newConnection(resolveOptions(merged));
  await connectionEndpointOf(connection).open(merged.signal);
  return connection;
}

/**
 * A connection that connects by itself, as it later reconnects: it tries until a broker answers, within the limits of
 * `reconnect`. It can be used at once: channels, publishes and calls wait for it within their deadlines. `whenOpen()` waits for
 * it; the event `reconnectFailed` tells of each attempt that fails, and `closed` of the end.
 *
 * @example
 * ```ts
 * const connection = createConnection('amqp://localhost');
 * const channel = connection.channel({ confirm: true });
 * await channel.publish('orders', 'order.created', body, { timeout: 60_000 });
 * ```
 *
 * @param urls as of `connect()`
 * @throws ConfigurationError for an option that does not exist or cannot work
 */
export function createConnection(urls?: Urls | ConnectionOptions, options: ConnectionOptions = {}): Connection {
  const merged = mergedOptions('createConnection', urls, options);
  const connection = newConnection(resolveOptions(merged));
  connectionEndpointOf(connection).openInBackground(merged.signal);
  return connection;
}

function mergedOptions(
  what: string,
  urls: Urls | ConnectionOptions | undefined,
  options: ConnectionOptions,
): ConnectionOptions {
  if (urls === undefined) return options;
  if (typeof urls === 'string' || typeof urls === 'function' || Array.isArray(urls)) {
    return { ...options, urls: urls as Urls };
  }
  if (urls === null || typeof urls !== 'object') {
    throw new ConfigurationError(`${what}() takes an AMQP URI, several of them, or options`);
  }
  return { ...(urls as ConnectionOptions), ...options };
}
