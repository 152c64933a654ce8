import type { Logger } from '@nestjs/common';
import { pause } from '../../lib/environment/index.js';
import {
  connect,
  Connection,
  ConnectionClosedError,
  ReconnectPace,
  type ConnectionOptions,
} from '../../lib/client/index.js';
import { environmentOf, type Environment } from '../common/environment.js';
import type { TopologyOptions } from '../topology/topology.js';
import { isTakenAsItIs, type AmqpTransportOptions } from './options/transport-options.js';

/** The source of a server's or client's connections: its own connection, or the module's. */
export interface ConnectionSource {
  /** Clock and randomness of everything on the connections. */
  readonly environment: Environment;
  /** The topology of the connections, and whether anything may be declared. */
  readonly topology: TopologyOptions;
  /** @throws ConnectionError or a subclass; ConnectionClosedError after `close()` */
  open(): Promise<TransportConnections>;
  /** Releases the connections; own ones are closed. */
  close(): Promise<void>;
}

/** Both may be the same connection. */
export interface TransportConnections {
  readonly consuming: Connection;
  readonly publishing: Connection;
}

/** A connection of its own. It can be opened again after it was closed. */
export class OwnConnection implements ConnectionSource {
  private opening: Promise<TransportConnections> | undefined;
  private stop = new AbortController();

  readonly environment: Environment;
  readonly topology: TopologyOptions;
  /** Number of attempts before `open()` rejects; each attempt tries all brokers. */
  private readonly attempts: number;

  constructor(
    { maxConnectionAttempts = -1, ...options }: AmqpTransportOptions,
    private readonly connection: ConnectionOptions,
    private readonly logger: Logger,
  ) {
    this.environment = environmentOf(connection);
    this.attempts = maxConnectionAttempts < 0 ? Infinity : maxConnectionAttempts;
    this.topology = { declare: isTakenAsItIs(options) ? 'none' : 'assert' };
  }

  open(): Promise<TransportConnections> {
    if (this.opening) return this.opening;
    const { stop } = this;
    const opening = this.connect(stop.signal);
    const forget = (): void => {
      if (this.opening === opening) this.opening = undefined;
    };
    void opening.then(({ consuming }) => consuming.closed.then(forget), forget);
    return (this.opening = opening);
  }

  async close(): Promise<void> {
    const { opening } = this;
    this.opening = undefined;
    this.stop.abort(new ConnectionClosedError('the connection was closed while it was opening'));
    this.stop = new AbortController();
    // The caller of `open()` got the error of a connection that failed to open.
    const opened = await opening?.catch(() => undefined);
    await opened?.consuming.close();
  }

  private async connect(signal: AbortSignal): Promise<TransportConnections> {
    const { clock, random } = this.environment;
    const pace = new ReconnectPace(this.connection.reconnect || {}, random);
    for (let attempt = 1; ; attempt++) {
      try {
        const logger = {
          warn: (line: string) => this.logger.warn(line),
          debug: (line: string) => this.logger.debug(line),
        };
        const connection = await connect({ ...this.connection, logger, signal });
        return { consuming: connection, publishing: connection };
      } catch (error) {
        // Waiting cannot solve a refused login, an unknown vhost or an invalid option.
        if (signal.aborted || attempt >= this.attempts || !Connection.isRecoverable(error)) throw error;
        const delay = pace.afterFailure(error);
        const reason = error instanceof Error ? error.message : String(error);
        this.logger.warn(`${reason}; next attempt in ${Math.round(delay)} ms`);
        await pause(clock, delay, signal);
      }
    }
  }
}
