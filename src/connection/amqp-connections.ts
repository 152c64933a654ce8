import { FieldLogger } from '../common/field-logger.js';
import { Socket } from 'node:net';
import {
  ConfigurationError,
  ConnectionClosedError,
  connect,
  createConnection,
  type Channel,
  type ChannelOptions,
  type Connection,
  type ConnectionOptions,
} from '../../lib/client/index.js';
import { untilAborted } from '../../lib/environment/index.js';
import { declareOn } from '../topology/declare-on.js';
import { ServerNames } from '../topology/server-names.js';
import { KnownTopology } from '../topology/known-topology.js';
import { sharedTopology } from '../topology/shared-topology.js';
import type { TopologyOptions } from '../topology/topology.js';
import { DEFAULT_CONNECTION } from './amqp.tokens.js';
import { withinDeadline, type BrokerWaitOptions } from './broker-deadline.js';
import { BrokerAddresses } from './broker-addresses.js';
import { AmqpStartupError, type StartupPhase } from './startup.errors.js';
import type { ConnectionSettings } from './connection-settings.js';
import { ConnectionStatus } from './connection-status.js';
import { mayPass } from './may-pass.js';
import { timeLimit } from '../common/duration.js';
import { environmentOf, type Environment } from '../common/environment.js';
import { LastReason, retrying } from '../common/retrying.js';

/**
 * A connection for publishing and one for consuming: RabbitMQ slows down a connection that publishes too fast, which
 * must not delay acknowledgements.
 */
export interface ConnectionPair {
  readonly publishing: Connection;
  readonly consuming: Connection;
}

const STARTUP_TIMEOUT = 10_000;
/** Waits between attempts to declare a topology, ms. */
const DECLARE_AGAIN = { first: 100, max: 30_000 } as const;
const FOREVER = { timeout: Infinity } as const;

/**
 * Opens the two connections of one name at their first use, declares the topology, and logs their state. The connections exist
 * from the first use on; they are ready when both are open and the topology is declared.
 */
export class AmqpConnections {
  readonly publishing = new ConnectionStatus();
  readonly consuming = new ConnectionStatus();
  /** Clock and randomness of everything on these connections. */
  readonly environment: Environment;
  /** Broker's names of the queues that were declared here. */
  readonly serverNames = new ServerNames();
  /** What the application declares. */
  readonly topology: KnownTopology;
  /** ms. */
  readonly startupTimeout: number;
  private readonly logger = new FieldLogger('AmqpConnection');
  /** Aborted with the reason when the connections are closed. */
  private readonly stop = new AbortController();
  private readonly addresses: BrokerAddresses;
  private readonly label: string;
  private begun: { readonly pair: ConnectionPair; readonly opening: Promise<ConnectionPair> } | undefined;
  private ready = false;
  /** The error because of which the connections are not ready yet. */
  private failure: unknown;
  /** The open connections of `withScratchConnection`. */
  private readonly scratch = new Set<Connection>();

  /** @throws ConfigurationError */
  constructor(
    readonly name: string,
    private readonly options: ConnectionSettings,
    /** Owner of the options, for errors. */
    private readonly place = 'AmqpModule.forRoot()',
  ) {
    const { startupTimeout = STARTUP_TIMEOUT } = options;
    this.startupTimeout = timeLimit(startupTimeout, `${place}: startupTimeout`);
    this.environment = environmentOf(options.connection);
    this.topology = new KnownTopology(options.topology);
    this.addresses = new BrokerAddresses(options.url);
    this.label = options.connectionName ?? (name === DEFAULT_CONNECTION ? 'nest-amqp' : `nest-amqp ${name}`);
  }

  /**
   * Resolves when both connections are open and the topology is declared. If it rejects, no connection is left open. With
   * `startup: 'background'` it waits for the broker without a limit.
   *
   * @throws AmqpStartupError after `startupTimeout`
   * @throws AccessRefusedError, TopologyError, ConfigurationError at once, since waiting cannot solve them
   * @throws ConnectionClosedError after `close()`
   */
  open(): Promise<ConnectionPair> {
    if (this.stop.signal.aborted) return Promise.reject(this.stop.signal.reason);
    return this.begin().opening;
  }

  /**
   * Returns a channel to publish on at once. Publishes on it wait until the connections are ready.
   *
   * @throws ConnectionClosedError, or the error of a start that has failed
   */
  channel(options: ChannelOptions): Channel {
    const { pair, opening } = this.begin();
    if (this.ready) return pair.publishing.channel(options);
    const openAfter = async (): Promise<void> => {
      await untilAborted(opening, this.stop.signal);
      await options.openAfter?.();
    };
    return pair.publishing.channel({ ...options, openAfter });
  }

  /** True once the connections were ready; their status shows what has happened since. */
  get isOpen(): boolean {
    return this.ready;
  }

  /** Ends attempts to open the connections; `open()` then rejects. */
  giveUp(): void {
    if (!this.ready) this.refuse();
  }

  /**
   * Closes all connections after outstanding confirms. May be called more than once.
   *
   * @param timeout ms; a connection that is not closed by then is cut off
   */
  async close(timeout: number): Promise<void> {
    this.refuse();
    // The caller of `open()` got the error of a connection that failed to open.
    await this.begun?.opening.catch(() => {});
    await this.closeAll(timeout);
    for (const status of [this.publishing, this.consuming]) {
      status.set('closed');
      status.complete();
    }
  }

  /**
   * Runs work on a connection of its own, which does not reconnect and is closed afterwards. An error that closes this
   * connection affects no other connection. Waits until the connections are ready.
   *
   * @param purpose for the connection's name
   * @param wait the limits of opening it, and the call for errors; the work itself has no deadline
   * @throws as `open`, ConnectionError, TimeoutError, the reason of the wait's signal, or what `work` throws
   */
  async withScratchConnection<T>(
    purpose: string,
    { place, ...wait }: BrokerWaitOptions & { readonly place: string },
    work: (connection: Connection) => Promise<T>,
  ): Promise<T> {
    const connection = await withinDeadline(place, this, wait, (signal) => this.openScratch(purpose, signal));
    try {
      // `close()` may have been called just before the connection opened.
      this.stop.signal.throwIfAborted();
      return await work(connection);
    } finally {
      await connection.close();
      this.scratch.delete(connection);
    }
  }

  private async openScratch(purpose: string, ended: AbortSignal): Promise<Connection> {
    await this.open();
    ended.throwIfAborted();
    const signal = AbortSignal.any([this.stop.signal, ended]);
    const connection = await connect({ ...this.optionsFor(purpose), reconnect: false, signal });
    this.scratch.add(connection);
    return connection;
  }

  /**
   * Declares more than the given topology. It is on the record of the consuming connection, which declares it again after a
   * loss.
   *
   * @param signal ends the wait for an open channel
   * @throws as `open`, TopologyError, the signal's reason
   */
  async declareMore(more: Omit<TopologyOptions, 'declare'>, signal?: AbortSignal): Promise<void> {
    const { consuming } = await this.open();
    const wait = signal && { signal };
    await declareOn(consuming, more, this.serverNames, wait);
    this.topology.add(more);
  }

  private refuse(): void {
    this.stop.abort(new ConnectionClosedError('The application is shutting down: its connections are closed.'));
  }

  private begin(): NonNullable<typeof this.begun> {
    this.stop.signal.throwIfAborted();
    if (this.begun) return this.begun;
    const pair = { publishing: this.create('publishing'), consuming: this.create('consuming') };
    const opening = this.start(pair);
    // With `startup: 'background'`, nobody handles the rejection.
    opening.catch(() => {});
    return (this.begun = { pair, opening });
  }

  private async start(pair: ConnectionPair): Promise<ConnectionPair> {
    const { publishing, consuming } = pair;
    try {
      await this.inTime('connect', Promise.all([publishing.whenOpen(FOREVER), consuming.whenOpen(FOREVER)]));
      await this.inTime('declare', this.declare(pair));
    } catch (error) {
      this.stop.abort(error);
      await this.closeAll();
      throw error;
    }
    this.ready = true;
    this.onWorking('publishing', publishing);
    this.onWorking('consuming', consuming);
    return pair;
  }

  /** Waits for a phase of the start within its time limit. */
  private async inTime(phase: StartupPhase, work: Promise<unknown>): Promise<void> {
    const { startupTimeout, environment, stop } = this;
    const late = (): void =>
      stop.abort(new AmqpStartupError(this.name, this.addresses.tried, startupTimeout, this.failure, phase));
    const cancel = this.mustStart ? environment.clock.after(startupTimeout, late) : undefined;
    try {
      await untilAborted(work, stop.signal);
    } finally {
      cancel?.();
    }
    this.failure = undefined;
  }

  /** True if the application does not start without the connections. */
  private get mustStart(): boolean {
    return this.options.startup !== 'background';
  }

  private create(purpose: keyof ConnectionPair): Connection {
    const options = this.optionsFor(purpose);
    const { connectionName } = options;
    const connection = this.created({ connectAttempts: Infinity, ...options });
    const fields = { connection: this.name, purpose };
    const { signal } = this.stop;
    const status = this[purpose];
    const log = (line: string): void => this.logger.log(`${connectionName}: ${line}`, fields);
    const notWorking = (error: Error): void => status.set(this.ready ? 'reconnecting' : 'connecting', error.message);
    return connection
      .on('connected', () => {
        log(`connected to ${describeBroker(connection)}`);
        connection.on('closed', (error) => error ?? log('closed'));
      })
      .on('disconnected', notWorking)
      .on('reconnectFailed', (error) => {
        notWorking(error);
        this.failure = error;
        if (this.mustStart && !this.ready && !mayPass(error)) this.stop.abort(error);
      })
      .on('reconnected', () => {
        this.onWorking(purpose, connection);
        log(`reconnected to ${describeBroker(connection)}`);
      })
      .on('renewalFailed', () => this.onWorking(purpose, connection))
      .on('credentialsRenewed', () => this.onWorking(purpose, connection))
      .on('queueRenamed', (first, present) => this.serverNames.renamed(first, present))
      .on('blocked', () => this.onWorking(purpose, connection))
      .on('unblocked', () => {
        this.onWorking(purpose, connection);
        log('the broker takes publishes again');
      })
      .on('closed', (error) => {
        status.set('closed', error?.message);
        if (!error || error === signal.reason) return;
        this.logger.error(`${connectionName}: closed for good: ${error.message}`, fields);
      });
  }

  /** @throws ConfigurationError that names the module and the connection */
  private created(options: ConnectionOptions): Connection {
    try {
      return createConnection(options);
    } catch (cause) {
      if (!(cause instanceof ConfigurationError)) throw cause;
      const of = this.name === DEFAULT_CONNECTION ? '' : ` of '${this.name}'`;
      throw new ConfigurationError(`${this.place}: connection${of}: ${cause.message}`, { cause });
    }
  }

  /** Returns the name that the broker shows for a connection. */
  connectionName(purpose: string): string {
    return `${this.label} (${purpose})`;
  }

  private optionsFor(purpose: string) {
    const connectionName = this.connectionName(purpose);
    const fields = { connection: this.name, purpose };
    // The client reports losses, failed attempts and blocks.
    const logger = {
      warn: (line: string) => this.logger.warn(`${connectionName}: ${line}`, fields),
      debug: (line: string) => this.logger.debug(`${connectionName}: ${line}`, fields),
    };
    return { ...this.options.connection, connectionName, logger, signal: this.stop.signal, urls: this.addresses.find };
  }

  private onWorking(purpose: keyof ConnectionPair, { state, blocked, renewalError }: Connection): void {
    if (!this.ready || state !== 'open') return;
    if (blocked === undefined) this[purpose].set('open', renewalError?.message);
    else this[purpose].set('blocked', `the broker has blocked it: ${blocked}`);
  }

  /**
   * Declares everything on the consuming connection, since exclusive queues can be consumed only there. The publishing
   * connection declares the rest as well: it may reconnect first, and the broker may have lost the topology.
   */
  private async declare({ publishing, consuming }: ConnectionPair): Promise<void> {
    const { topology } = this.options;
    if (!topology) return;
    await this.declareOn(consuming, topology);
    // A topology that is only verified must not be declared again.
    if ((topology.declare ?? 'assert') === 'assert') await this.declareOn(publishing, sharedTopology(topology));
  }

  private async declareOn(connection: Connection, topology: TopologyOptions): Promise<void> {
    const told = new LastReason();
    await retrying(
      () => declareOn(connection, topology, this.serverNames, FOREVER),
      { environment: this.environment, ...DECLARE_AGAIN, signal: this.stop.signal },
      (error, delay) => {
        if (error instanceof ConfigurationError || connection.state === 'closed') throw error;
        if (this.mustStart && !mayPass(error)) throw error;
        this.failure = error;
        const reason = error instanceof Error ? error.message : String(error);
        for (const status of [this.publishing, this.consuming]) status.set('connecting', reason);
        if (!told.isNew(reason)) return;
        const next = `next attempt in ${Math.round(delay)} ms, and this reason is not logged again`;
        this.logger.warn(`${this.label}: ${reason}; ${next}`, { connection: this.name });
      },
    );
  }

  private async closeAll(timeout?: number): Promise<void> {
    const options = timeout === undefined ? {} : { timeout };
    const { pair } = this.begun ?? {};
    const all = [...this.scratch, ...(pair ? [pair.publishing, pair.consuming] : [])];
    await Promise.all(all.map((connection) => connection.close(options)));
  }
}

/** Returns a text such as `RabbitMQ 4.1.0 at 10.0.0.7:5672`. */
function describeBroker({ serverProperties, socket }: Connection): string {
  const { product, version } = serverProperties;
  const where = socket instanceof Socket ? ` at ${socket.remoteAddress}:${socket.remotePort}` : '';
  return `${String(product)} ${String(version)}${where}`;
}
