import { Socket } from 'node:net';
import { Logger } from '@nestjs/common';
import { pause } from '../../lib/environment/index.js';
import {
  ConfigurationError,
  connect,
  Connection,
  ConnectionClosedError,
  ReconnectPace,
} from '../../lib/client/index.js';
import { declareTopology } from '../topology/declare-topology.js';
import { ServerNames } from '../topology/server-names.js';
import { DEFAULT_CONNECTION } from './amqp.tokens.js';
import { BrokerAddresses } from './broker-addresses.js';
import { AmqpStartupError } from './startup.errors.js';
import type { ConnectionSettings } from './connection-settings.js';
import { ConnectionStatus } from './connection-status.js';
import { timeLimit } from '../common/duration.js';
import { environmentOf, type Environment } from '../common/environment.js';
import { untilAborted } from '../common/waiting.js';

/**
 * A connection for publishing and one for consuming: RabbitMQ slows down a connection that publishes too fast, which
 * must not delay acknowledgements.
 */
export interface ConnectionPair {
  readonly publishing: Connection;
  readonly consuming: Connection;
}

const STARTUP_TIMEOUT = 10_000;

/** Opens the two connections of one name at their first use, declares the topology, and logs their state. */
export class AmqpConnections {
  readonly publishing = new ConnectionStatus();
  readonly consuming = new ConnectionStatus();
  /** Clock and randomness of everything on these connections. */
  readonly environment: Environment;
  /** Broker's names of the queues that were declared here. */
  readonly serverNames = new ServerNames();
  private readonly logger = new Logger('AmqpConnection');
  private readonly stop = new AbortController();
  private readonly addresses: BrokerAddresses;
  private readonly label: string;
  /** ms. */
  private readonly startupTimeout: number;
  private pair: Promise<ConnectionPair> | undefined;
  private ready = false;

  /** @throws ConfigurationError */
  constructor(
    readonly name: string,
    private readonly options: ConnectionSettings,
  ) {
    this.startupTimeout = timeLimit(options.startupTimeout ?? STARTUP_TIMEOUT, 'AmqpModule.forRoot(): startupTimeout');
    this.environment = environmentOf(options.connection);
    this.addresses = new BrokerAddresses(options.url);
    this.label = options.connectionName ?? (name === DEFAULT_CONNECTION ? 'nest-amqp' : `nest-amqp ${name}`);
  }

  /**
   * Resolves with open connections. If it rejects, no connection is left open. With `startup: 'background'` it waits
   * for the broker without a limit.
   *
   * @throws AmqpStartupError after `startupTimeout`
   * @throws AccessRefusedError, TopologyError, ConfigurationError at once, since waiting cannot solve them
   * @throws ConnectionClosedError after `close()`
   */
  open(): Promise<ConnectionPair> {
    if (this.stop.signal.aborted) return Promise.reject(this.stop.signal.reason);
    if (!this.pair) {
      this.pair = this.start();
      // In the background, nobody may handle its rejection.
      this.pair.catch(() => {});
    }
    return this.pair;
  }

  /** True once the connections were opened; their status shows what has happened since. */
  get isOpen(): boolean {
    return this.ready;
  }

  /** Ends attempts to open the connections; `open()` then rejects. */
  giveUp(): void {
    if (!this.ready) this.refuse();
  }

  /** Closes both connections after outstanding confirms. May be called more than once. */
  async close(): Promise<void> {
    this.refuse();
    // The caller of `open()` got the error of a connection that failed to open.
    const pair = await this.pair?.catch(() => undefined);
    if (pair) await closeAll([pair.publishing, pair.consuming]);
    for (const status of [this.publishing, this.consuming]) {
      status.set('closed');
      status.complete();
    }
  }

  private refuse(): void {
    this.stop.abort(new ConnectionClosedError('The application is shutting down: its connections are closed.'));
  }

  private async start(): Promise<ConnectionPair> {
    const { startup = 'wait' } = this.options;
    const { startupTimeout } = this;
    const { clock, random } = this.environment;
    const pace = new ReconnectPace(this.options.connection?.reconnect || {}, random);
    const end = new AbortController();
    const { signal } = end;
    this.stop.signal.addEventListener('abort', () => end.abort(this.stop.signal.reason), { once: true });
    const cancelDeadline = startup === 'wait' ? clock.after(startupTimeout, () => end.abort()) : undefined;
    let failure: unknown;
    try {
      while (!signal.aborted) {
        try {
          return await this.connect(signal);
        } catch (error) {
          if (signal.aborted) break;
          if (error instanceof ConfigurationError || (startup === 'wait' && !mayPass(error))) throw error;
          failure = error;
          for (const status of [this.publishing, this.consuming]) status.set('connecting', describe(error));
        }
        const delay = pace.afterFailure(failure);
        this.logger.warn(`${this.label}: ${describe(failure)}; next attempt in ${Math.round(delay)} ms`);
        await pause(clock, delay, signal);
      }
    } finally {
      cancelDeadline?.();
    }
    this.stop.signal.throwIfAborted();
    throw new AmqpStartupError(this.name, this.addresses.tried, startupTimeout, failure);
  }

  private async connect(signal: AbortSignal): Promise<ConnectionPair> {
    const attempts = await Promise.allSettled([
      this.connectFor('publishing', signal),
      this.connectFor('consuming', signal),
    ]);
    const opened = attempts.filter((attempt) => attempt.status === 'fulfilled').map(({ value }) => value);
    const [publishing, consuming] = opened;
    if (!publishing || !consuming) {
      await closeAll(opened);
      throw attempts.find((attempt) => attempt.status === 'rejected')?.reason;
    }
    try {
      await untilAborted(this.declare(consuming), signal);
    } catch (error) {
      await closeAll(opened);
      throw error;
    }
    this.ready = true;
    return { publishing, consuming };
  }

  private async connectFor(purpose: keyof ConnectionPair, signal: AbortSignal): Promise<Connection> {
    const connectionName = `${this.label} (${purpose})`;
    // The client reports losses, failed attempts and blocks.
    const logger = {
      warn: (line: string) => this.logger.warn(`${connectionName}: ${line}`),
      debug: (line: string) => this.logger.debug(`${connectionName}: ${line}`),
    };
    const urls = this.addresses.find;
    const connection = await connect({ ...this.options.connection, urls, connectionName, logger, signal });
    this.logger.log(`${connectionName}: connected to ${describeBroker(connection)}`);
    const status = this[purpose];
    status.set('open');
    connection
      .on('disconnected', (error) => status.set('reconnecting', error.message))
      .on('reconnectFailed', (error) => status.set('reconnecting', error.message))
      .on('reconnected', () => {
        status.set('open');
        this.logger.log(`${connectionName}: reconnected to ${describeBroker(connection)}`);
      })
      .on('blocked', (reason) => status.set('blocked', `the broker has blocked it: ${reason}`))
      .on('unblocked', () => {
        status.set('open');
        this.logger.log(`${connectionName}: the broker takes publishes again`);
      })
      .on('closed', (error) => {
        status.set('closed', error?.message);
        if (error) this.logger.error(`${connectionName}: closed for good: ${error.message}`);
        else this.logger.log(`${connectionName}: closed`);
      });
    return connection;
  }

  private async declare(consuming: Connection): Promise<void> {
    const { topology } = this.options;
    if (!topology) return;
    // Declares on the consuming connection, since exclusive queues can be consumed only there.
    await consuming.withScratchChannel((channel) => declareTopology(channel, topology, this.serverNames));
  }
}

/** Returns true if another attempt may succeed: the broker is not reachable yet, or closed the connection. */
function mayPass(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return Connection.isRecoverable(error) || (error.cause !== undefined && mayPass(error.cause));
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function closeAll(connections: readonly Connection[]): Promise<void> {
  await Promise.all(connections.map((connection) => connection.close()));
}

/** Returns a text such as `RabbitMQ 4.1.0 at 10.0.0.7:5672`. */
function describeBroker({ serverProperties, socket }: Connection): string {
  const { product, version } = serverProperties;
  const where = socket instanceof Socket ? ` at ${socket.remoteAddress}:${socket.remotePort}` : '';
  return `${String(product)} ${String(version)}${where}`;
}
