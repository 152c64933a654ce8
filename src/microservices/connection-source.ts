import {
  ConnectionClosedError,
  createConnection,
  type Channel,
  type ChannelOptions,
  type Connection,
  type ConnectionOptions,
} from '../../lib/client/index.js';
import { environmentOf, type Environment } from '../common/environment.js';
import type { FieldLogger } from '../common/field-logger.js';
import { UntilClosed } from '../common/until-closed.js';
import { mayPass } from '../connection/may-pass.js';
import type { NamedConnection } from '../registry/named-connection.js';
import type { TopologyOptions } from '../topology/topology.js';
import { isTakenAsItIs, type AmqpTransportOptions } from './options/transport-options.js';

/** The source of a server's or client's connections: its own connection, or the module's. */
export interface ConnectionSource {
  /** Clock and randomness of everything on the connections. */
  readonly environment: Environment;
  /** The module's connection, if it is that. */
  readonly named?: NamedConnection;
  /** The topology of the connections, and whether anything may be declared. */
  readonly topology: TopologyOptions;
  /** The error of the last attempt to connect; undefined once an attempt has succeeded. */
  readonly failure: Error | undefined;
  /** @throws ConnectionError or a subclass; ConnectionClosedError after `close()` */
  open(): Promise<TransportConnections>;
  /** Returns a channel for publishes at once; they wait in it until the connection is open. */
  channel(options: ChannelOptions): Channel;
  /**
   * Releases the connections; own ones are closed.
   *
   * @param timeout ms; a connection that is not closed by then is cut off. Default 10 s
   */
  close(timeout?: number): Promise<void>;
}

/**
 * The source of one session: of what a server begins with one `listen()`, or a client with its first use. After the
 * session's end it gives nothing: an own connection can be used again, so work that has not noticed the end yet would begin
 * one that nobody closes.
 */
export class SessionSource implements ConnectionSource {
  private over = false;

  /** @param refusal the error's text after the end */
  constructor(
    private readonly source: ConnectionSource,
    private readonly refusal: string,
  ) {}

  get environment(): Environment {
    return this.source.environment;
  }

  get topology(): TopologyOptions {
    return this.source.topology;
  }

  get ended(): boolean {
    return this.over;
  }

  get failure(): Error | undefined {
    return this.source.failure;
  }

  async open(): Promise<TransportConnections> {
    this.refuseIfEnded();
    return this.source.open();
  }

  channel(options: ChannelOptions): Channel {
    this.refuseIfEnded();
    return this.source.channel(options);
  }

  /** The session is over. */
  end(): void {
    this.over = true;
  }

  async close(timeout?: number): Promise<void> {
    this.end();
    await this.source.close(timeout);
  }

  /** @throws ConnectionClosedError */
  refuseIfEnded(): void {
    if (this.over) throw new ConnectionClosedError(this.refusal);
  }
}

/** Both may be the same connection. */
export interface TransportConnections {
  readonly consuming: Connection;
  readonly publishing: Connection;
}

/**
 * A connection of its own, which connects from the first use on. It can be used again after it was closed. An error that
 * waiting does not mend, such as a refused login, closes it.
 */
export class OwnConnection implements ConnectionSource {
  readonly environment: Environment;
  readonly topology: TopologyOptions;
  failure: Error | undefined;
  private readonly options: ConnectionOptions;
  private readonly current = new UntilClosed<Connection>();
  private readonly closing = new UntilClosed<Connection>();

  /** @param side of a client, `open()` rejects when an attempt fails, while the connection keeps trying */
  constructor(
    private readonly side: 'server' | 'client',
    { maxConnectionAttempts = -1, ...options }: AmqpTransportOptions,
    connection: ConnectionOptions,
    logger: FieldLogger,
  ) {
    this.environment = environmentOf(connection);
    this.topology = { declare: isTakenAsItIs(options) ? 'none' : 'assert' };
    const endless = side === 'client' || maxConnectionAttempts < 0;
    const fields = { connection: connection.connectionName };
    this.options = {
      connectAttempts: endless ? Infinity : Math.max(1, maxConnectionAttempts),
      ...connection,
      logger: { warn: (line) => logger.warn(line, fields), debug: (line) => logger.debug(line, fields) },
    };
  }

  async open(): Promise<TransportConnections> {
    const connection = this.begin();
    const failed = new AbortController();
    const abort = (error: Error): void => failed.abort(error);
    if (this.side === 'client') {
      if (this.failure && connection.state !== 'open') throw this.failure;
      connection.once('reconnectFailed', abort);
    }
    try {
      await connection.whenOpen({ timeout: Infinity, signal: failed.signal });
    } finally {
      connection.off('reconnectFailed', abort);
    }
    return { consuming: connection, publishing: connection };
  }

  channel(options: ChannelOptions): Channel {
    return this.begin().channel(options);
  }

  async close(timeout?: number): Promise<void> {
    if (this.current.value) this.closing.use(this.current.value);
    this.current.forget();
    // An earlier call may still be closing it, and both wait.
    await this.closing.value?.close(timeout === undefined ? {} : { timeout });
  }

  private begin(): Connection {
    if (this.current.value) return this.current.value;
    const hopeless = new AbortController();
    this.failure = undefined;
    return this.current
      .use(createConnection({ ...this.options, signal: hopeless.signal }))
      .on('connected', () => (this.failure = undefined))
      .on('reconnectFailed', (error) => {
        this.failure = error;
        if (!mayPass(error)) hopeless.abort(error);
      });
  }
}
