import { Connection } from './connection.js';
import { ConfigurationError } from '../errors.js';
import type { ConnectionOptions, Urls } from '../link/connection-options.js';

/**
 * Opens a connection: tries every host once, in random order, each with its own deadline.
 *
 * @param urls one AMQP URI, several, a function that finds them, or the options with `urls` in them
 * @throws ConnectionError (its `cause` is the socket's), AccessRefusedError with scope 'connection' for a refused
 *   login, NotAllowedError for a vhost, TimeoutError, UnexpectedPeerError, ConfigurationError
 */
export function connect(urls?: Urls | ConnectionOptions, options: ConnectionOptions = {}): Promise<Connection> {
  if (urls === undefined || typeof urls === 'string' || typeof urls === 'function' || Array.isArray(urls)) {
    return Connection.open(urls === undefined ? options : { ...options, urls: urls as Urls });
  }
  if (urls === null || typeof urls !== 'object') {
    return Promise.reject(new ConfigurationError('connect() takes an AMQP URI, several of them, or options'));
  }
  return Connection.open({ ...(urls as ConnectionOptions), ...options });
}
