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
 * One connection to publish and one to consume: RabbitMQ holds back a connection that publishes too fast, and must not
 * hold back acknowledgements with it.
 */
export interface ConnectionPair {
  readonly publishing: Connection;
  readonly consuming: Connection;
}

const STARTUP_TIMEOUT = 10_000;

/** Opens the two connections of one name, with the topology declared, when first asked; logs what becomes of them. */
export class AmqpConnections {
  readonly publishing = new ConnectionStatus();
  readonly consuming = new ConnectionStatus();
  /** Of all that works on these connections. */
  readonly environment: Environment;
  /** Of the queues that were declared here. */
  readonly serverNames = new ServerNames();
  private readonly logger = new Logger('AmqpConnection');
  private readonly stop = new AbortController();
  private readonly addresses: BrokerAddresses;
  private readonly label: string;
  /** In ms. */
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
   * The connections, ready to be used. Nothing is left open when it rejects. With `startup: 'background'` it waits until
   * the broker is there, however long that takes.
   *
   * @throws AmqpStartupError after `startupTimeout`; at once what time does not mend: AccessRefusedError, TopologyError,
   * ConfigurationError; after `close()` ConnectionClosedError
   */
  open(): Promise<ConnectionPair> {
    if (this.stop.signal.aborted) return Promise.reject(this.stop.signal.reason);
    if (!this.pair) {
      this.pair = this.start();
      // In the background nobody may be waiting for it.
      this.pair.catch(() => {});
    }
    return this.pair;
  }

  /** They have been opened; what has become of them since is their status. */
  get isOpen(): boolean {
    return this.ready;
  }

  /** Ends the attempts to open them, if they are not: whoever waits for them is told. */
  giveUp(): void {
    if (!this.ready) this.refuse();
  }

  /** Closes both, once what was published is confirmed. May be called again. */
  async close(): Promise<void> {
    this.refuse();
    // What could not be opened was reported to whoever asked for it.
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
    // The client tells of losses, failed attempts and blocks.
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
    // On the consuming connection, since nobody else may consume from its exclusive queues.
    await consuming.withScratchChannel((channel) => declareTopology(channel, topology, this.serverNames));
  }
}

/** Trying again may help: the broker is not there yet, or went away in the middle. */
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

/** `RabbitMQ 4.1.0 at 10.0.0.7:5672` */
function describeBroker({ serverProperties, socket }: Connection): string {
  const { product, version } = serverProperties;
  const where = socket instanceof Socket ? ` at ${socket.remoteAddress}:${socket.remotePort}` : '';
  return `${String(product)} ${String(version)}${where}`;
}
