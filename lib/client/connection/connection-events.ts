import type { AmqpError, ConnectionError } from '../errors.js';

/** The events of a connection, with the arguments of their listeners. */
export type ConnectionEvents = {
  /** The connection is open for the first time. Only a connection of `createConnection()` has listeners by then. */
  connected: [];
  /** The connection was lost. The client reconnects, unless `closed` follows. */
  disconnected: [error: ConnectionError];
  /** An attempt to connect or reconnect has failed. The next one follows after `delay` ms. */
  reconnectFailed: [error: AmqpError, delay: number];
  /** The connection is open again: channels, topology and consumers are restored. */
  reconnected: [];
  /** The credentials of the function `credentials` were renewed before they expired (connection.update-secret). */
  credentialsRenewed: [];
  /**
   * The credentials could not be renewed. The client tries again after `delay` ms. If they expire first, the connection
   * is lost.
   */
  renewalFailed: [error: AmqpError, delay: number];
  /** The broker accepts no publishes for now (https://www.rabbitmq.com/docs/connection-blocked). */
  blocked: [reason: string];
  unblocked: [];
  /** An entity that was declared on this connection could not be declared again after a loss. */
  restoreFailed: [entity: string, error: unknown];
  /** An entity of an earlier `restoreFailed` is declared now. The former connection had locked it. */
  restored: [entity: string];
  /**
   * A server-named queue has another name after a loss. Calls and publishes to the default exchange accept both names. Use
   * the new one inside messages, such as in `replyTo`.
   *
   * @param queue the name that `queueDeclare` returned
   */
  queueRenamed: [queue: string, name: string];
  /** The connection is closed for good: by `close()`, or with the reason. */
  closed: [error: AmqpError | undefined];
};

/** The states of a connection. */
export type ConnectionState = 'connecting' | 'open' | 'reconnecting' | 'closing' | 'closed';
