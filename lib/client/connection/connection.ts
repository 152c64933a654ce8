import type { Duplex } from 'node:stream';
import { Buffer } from 'node:buffer';
import type { FieldTable } from '../../protocol/field-table.js';
import { showAs } from '../../shown/index.js';
import { endpointOf, type Channel } from '../channel/channel.js';
import { resolveChannelOptions, type ChannelOptions } from '../channel/channel-options.js';
import { ConnectionClosedError, type AmqpError } from '../errors.js';
import type { ResolvedOptions } from '../link/connection-options.js';
import type { CallOptions } from '../link/pending-calls.js';
import { checkDuration, inRange } from '../option-checks.js';
import { isRecoverable, recoverableChannelErrors, recoverableConnectionErrors } from '../recovery/recoverable.js';
import { SafeEmitter } from '../safe-emitter.js';
import { ConnectionEndpoint } from './connection-endpoint.js';
import type { ConnectionEvents, ConnectionState } from './connection-events.js';

/** Makes a connection that is not open yet. For `connect()` and `createConnection()`, which have its endpoint open it. */
export let newConnection: (options: ResolvedOptions) => Connection;

/** The broker's side of a connection, which users cannot reach. */
export let connectionEndpointOf: (connection: Connection) => ConnectionEndpoint;

/**
 * A connection that survives: when its socket is lost it opens another, to the same or another host, and restores its
 * channels.
 */
export class Connection extends SafeEmitter<ConnectionEvents> {
  static readonly recoverableConnectionErrors = recoverableConnectionErrors;
  static readonly recoverableChannelErrors = recoverableChannelErrors;
  static readonly isRecoverable = isRecoverable;

  static {
    newConnection = (options) => new Connection(options);
    connectionEndpointOf = (connection) => connection.#endpoint;
  }

  readonly #endpoint: ConnectionEndpoint;

  /** Use `connect()` or `createConnection()`. */
  private constructor(options: ResolvedOptions) {
    super();
    this.#endpoint = new ConnectionEndpoint(options, (event, ...args) => this.report(event, ...args));
  }

  /** Resolves when it is closed for good: with undefined by `close()`, else with the reason. Never rejects. */
  get closed(): Promise<AmqpError | undefined> {
    return this.#endpoint.closed;
  }

  /** The name that the broker shows for it: the option `connectionName`. */
  get connectionName(): string | undefined {
    return this.#endpoint.options.connectionName;
  }

  get state(): ConnectionState {
    return this.#endpoint.state;
  }

  /** Open, and something came within the last two heartbeat intervals. */
  get isAlive(): boolean {
    const { link, options } = this.#endpoint;
    if (!link) return false;
    const interval = link.negotiated.heartbeat * 1000;
    return interval === 0 || options.clock.now() - link.transport.lastReceived <= 2 * interval;
  }

  /** The broker's reason, while it has blocked the connection. */
  get blocked(): string | undefined {
    return this.#endpoint.blocked;
  }

  /**
   * Returns the current name of a server-named queue. A loss may have changed the name that `queueDeclare` returned.
   *
   * @param queue the name that `queueDeclare` returned; other names are returned unchanged
   */
  queueName(queue: string): string {
    return this.#endpoint.topology.resolve(queue);
  }

  /** The broker's description of itself (`server-properties`). While the connection is lost, that of the last link. */
  get serverProperties(): FieldTable {
    return this.#endpoint.lastLink?.negotiated.serverProperties ?? {};
  }

  /**
   * The user that it has logged in as, whom the broker vouches for as `userId` of a message. Undefined for a login by
   * certificate or by a mechanism of your own, and before the first login.
   */
  get user(): string | undefined {
    return this.#endpoint.lastLink?.negotiated.user;
  }

  /** The largest frame, in bytes, as negotiated. */
  get frameMax(): number {
    return this.#endpoint.lastLink?.negotiated.frameMax ?? 0;
  }

  /** The socket of the live link, to look at. */
  get socket(): Duplex | undefined {
    return this.#endpoint.link?.transport.socket;
  }

  /**
   * Resolves when it is open, with everything restored; at once when it is.
   *
   * @param options.timeout ms; default the connection's `rpcTimeout`
   * @throws TimeoutError, ConnectionClosedError, or the error that has closed it
   */
  whenOpen({ timeout = this.#endpoint.options.rpcTimeout, signal }: CallOptions = {}): Promise<void> {
    return this.#endpoint.whenOpen({ timeout, signal });
  }

  /**
   * A channel that opens by itself, as soon as the connection is open; until then its publishes and calls wait, within their
   * deadlines. A channel that the broker refuses closes with the broker's error (`channel.closed`).
   *
   * @example
   * ```ts
   * const channel = connection.channel({ confirm: true });
   * await channel.publish('orders', 'order.created', body);
   * ```
   *
   * @throws ConnectionClosedError, ConfigurationError
   */
  channel(options: ChannelOptions = {}): Channel {
    const resolved = resolveChannelOptions(options);
    if (this.#endpoint.isOver) {
      throw new ConnectionClosedError('the connection is closed; open another with connect()');
    }
    return this.#endpoint.channel(resolved);
  }

  /**
   * Opens a channel (section 1.5.2.1): as `channel()`, and resolves when it is open. It waits while the connection is not
   * open; a loss while the broker opens the channel rejects.
   *
   * @param options.timeout ms; default the connection's `rpcTimeout`
   * @throws NotAllowedError when channel-max are open, ConnectionLostError, ConnectionClosedError, ConfigurationError,
   *   TimeoutError
   */
  async openChannel({ timeout, signal, ...options }: ChannelOptions & CallOptions = {}): Promise<Channel> {
    checkDuration('timeout', timeout);
    signal?.throwIfAborted();
    const channel = this.channel(options);
    const endpoint = endpointOf(channel);
    try {
      await endpoint.whenFirstOpen({ timeout: timeout ?? this.#endpoint.options.rpcTimeout, signal });
      return channel;
    } catch (error) {
      endpoint.finish(error as AmqpError);
      throw error;
    }
  }

  /**
   * Does something on a channel of its own, which is closed afterwards and is not restored: a look at what may not be there,
   * or a declaration that may be refused. Its error closes no other channel.
   *
   * @example
   * ```ts
   * const isThere = await connection.withScratchChannel((channel) =>
   *   channel.queueDeclare('billing', { passive: true }).then(() => true, () => false),
   * );
   * ```
   *
   * @param options as of `openChannel`
   * @throws as `openChannel`, or what `work` throws
   */
  async withScratchChannel<T>(
    work: (channel: Channel) => Promise<T>,
    options: ChannelOptions & CallOptions = {},
  ): Promise<T> {
    const channel = await this.openChannel({ ...options, restore: false });
    try {
      return await work(channel);
    } finally {
      await channel.close();
    }
  }

  /**
   * New credentials for a login whose token expires (connection.update-secret, RabbitMQ's OAuth 2 plugin). PLAIN and
   * AMQPLAIN log in with it from then on.
   *
   * @param reason for the broker's log
   */
  async updateSecret(newSecret: string, reason: string, options: CallOptions = {}): Promise<void> {
    await this.#endpoint.control.call(
      'connection.updateSecret',
      { newSecret: Buffer.from(newSecret), reason },
      options,
    );
    this.#endpoint.options.renewed.password = newSecret;
  }

  /** Resolves after at least one method or message was dispatched on any channel. @throws TimeoutError after `timeout` ms */
  async drainEvents(options: CallOptions = {}): Promise<void> {
    if (this.#endpoint.state === 'closed') throw new ConnectionClosedError('drainEvents: the connection is closed');
    const { clock, rpcTimeout } = this.#endpoint.options;
    const { timeout = rpcTimeout, signal } = options;
    await this.#endpoint.events.next(clock, { timeout, signal });
  }

  /** A heartbeat frame, now. */
  sendHeartbeat(): void {
    this.#endpoint.link?.transport.sendHeartbeat();
  }

  /** For `heartbeat: { mode: 'manual' }`: call it `rate` times an interval, or more often. */
  heartbeatTick(rate = 2): void {
    inRange('rate', rate, Number.MIN_VALUE, Number.MAX_VALUE);
    this.#endpoint.link?.heartbeatTick(rate);
  }

  /**
   * Closes it gracefully: every channel drains (consumers cancelled, running handlers awaited, confirms and acks
   * through), then the broker is told. It never reconnects after this. While the broker blocks the connection it reads
   * nothing from it: then handlers still run to their end and their acks are sent, but no answer is waited for, and what
   * waits to be published is refused after a second.
   *
   * @param options.timeout for all of that, ms; what is not done then is cut off. Infinity: it waits. Of several calls the
   *   earliest deadline counts, and it holds for channels that close already. Default 10,000
   */
  close({ timeout = 10_000 }: { readonly timeout?: number } = {}): Promise<void> {
    try {
      checkDuration('timeout', timeout);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#endpoint.close(timeout);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

showAs(Connection, ({ state, connectionName, blocked }) => ({ state, connectionName, blocked }));
