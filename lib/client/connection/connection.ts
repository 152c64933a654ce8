import type { Duplex } from 'node:stream';
import type { FieldTable } from '../../protocol/field-table.js';
import { FUNCTION, TEXT, numberIn, type OptionChecks } from '../../option-names/index.js';
import { showAs } from '../../shown/index.js';
import { endpointOf, type Channel } from '../channel/channel.js';
import { CHANNEL_CHECKS, resolveChannelOptions, type ChannelOptions } from '../channel/channel-options.js';
import { ConnectionClosedError, type AmqpError } from '../errors.js';
import type { ResolvedOptions } from '../link/connection-options.js';
import { CALL_CHECKS, checkCall, type CallOptions } from '../link/pending-calls.js';
import { checkOptions, checkValue, closeTimeout, refuseAborted } from '../option-checks.js';
import { isRecoverable, recoverableChannelErrors, recoverableConnectionErrors } from '../recovery/recoverable.js';
import { SafeEmitter } from '../safe-emitter.js';
import { ConnectionEndpoint } from './connection-endpoint.js';
import type { ConnectionEvents, ConnectionState } from './connection-events.js';

const OPEN_CHANNEL = { ...CHANNEL_CHECKS, ...CALL_CHECKS } satisfies OptionChecks<ChannelOptions & CallOptions>;

const RATE = numberIn(Number.MIN_VALUE, Number.MAX_VALUE);

/** Creates a connection that is not open yet. `connect()` and `createConnection()` open it through its endpoint. */
export let newConnection: (options: ResolvedOptions) => Connection;

/** Returns the broker's side of a connection, which users cannot reach. */
export let connectionEndpointOf: (connection: Connection) => ConnectionEndpoint;

/**
 * A connection that survives losses: when its socket is lost, it opens another one, to the same or another host, and
 * restores its channels.
 *
 * @example
 * ```ts
 * await using connection = await connect('amqp://localhost');
 * connection.on('disconnected', (error) => console.warn(error.message));
 * const channel = await connection.openChannel({ confirm: true });
 * ```
 *
 * @see https://www.rabbitmq.com/docs/connections
 */
export class Connection extends SafeEmitter<ConnectionEvents> {
  /** Classes of connection errors after which a new connection may succeed. The client reconnects by itself. */
  static readonly recoverableConnectionErrors = recoverableConnectionErrors;
  /** Classes of channel errors after which the same call may succeed on the restored channel. */
  static readonly recoverableChannelErrors = recoverableChannelErrors;
  /** Returns true if the same call may succeed later. */
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

  /** The name of the connection at the broker: the option `connectionName`. */
  get connectionName(): string | undefined {
    return this.#endpoint.options.connectionName;
  }

  /** Its present state. The events of {@link ConnectionEvents} report each change. */
  get state(): ConnectionState {
    return this.#endpoint.state;
  }

  /** True if the connection is open and bytes arrived within the last two heartbeat intervals. */
  get isAlive(): boolean {
    const { link, options } = this.#endpoint;
    if (!link) return false;
    const interval = link.negotiated.heartbeat * 1000;
    return interval === 0 || options.clock.now() - link.transport.lastReceived <= 2 * interval;
  }

  /** The reason why the broker has blocked the connection; undefined if it has not. */
  get blocked(): string | undefined {
    return this.#endpoint.blocked;
  }

  /**
   * The error because of which the credentials could not be renewed; undefined if they do not expire, or their last
   * renewal has succeeded.
   */
  get renewalError(): AmqpError | undefined {
    return this.#endpoint.renewalError;
  }

  /**
   * Returns the current name of a server-named queue. A loss may have changed the name that `queueDeclare` returned.
   *
   * @param queue the name that `queueDeclare` returned; other names are returned unchanged
   */
  queueName(queue: string): string {
    return this.#endpoint.topology.resolve(queue);
  }

  /**
   * The broker's description of itself (`server-properties`); while the connection is lost, that of the last broker.
   */
  get serverProperties(): FieldTable {
    return this.#endpoint.lastLink?.negotiated.serverProperties ?? {};
  }

  /**
   * The user of the login, which the broker verifies as `userId` of a message. Undefined for a login by certificate or
   * by a mechanism of your own, and before the first login.
   */
  get user(): string | undefined {
    return this.#endpoint.lastLink?.negotiated.user;
  }

  /** The negotiated size of the largest frame, in bytes; 0 before the first login (connection.tune, section 1.4.2.5). */
  get frameMax(): number {
    return this.#endpoint.lastLink?.negotiated.frameMax ?? 0;
  }

  /** The socket of the present connection, for inspection. */
  get socket(): Duplex | undefined {
    return this.#endpoint.link?.transport.socket;
  }

  /**
   * Resolves when the connection is open and everything is restored; at once if it is.
   *
   * @param options.timeout ms; default the connection's `rpcTimeout`
   * @throws TimeoutError, ConnectionClosedError, or the error that has closed the connection
   */
  async whenOpen(options: CallOptions = {}): Promise<void> {
    checkCall('whenOpen', options);
    const { timeout = this.#endpoint.options.rpcTimeout, signal } = options;
    await this.#endpoint.whenOpen({ timeout, signal });
  }

  /**
   * Returns a channel that opens as soon as the connection is open. Until then its publishes and calls wait within
   * their deadlines. A channel that the broker refuses closes with the broker's error (`channel.closed`).
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
   * Opens a channel (channel.open, section 1.5.2.1) and resolves when it is open. It waits while the connection is not
   * open. It rejects if the connection is lost while the broker opens the channel.
   *
   * @param options.timeout ms; default the connection's `rpcTimeout`
   * @throws NotAllowedError if channel-max channels are open, ConnectionLostError, ConnectionClosedError,
   * ConfigurationError, TimeoutError
   */
  async openChannel(options: ChannelOptions & CallOptions = {}): Promise<Channel> {
    checkOptions('openChannel', options, OPEN_CHANNEL);
    const { timeout, signal, ...rest } = options;
    refuseAborted(signal);
    const channel = this.channel(rest);
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
   * Runs work on a channel of its own, which is not restored and is closed afterwards: for example a check for an
   * entity that may be missing, or a declaration that may be refused. An error closes no other channel.
   *
   * @example
   * ```ts
   * const isThere = await connection.withScratchChannel((channel) =>
   *   channel.queueDeclare('billing', { passive: true }).then(() => true, () => false),
   * );
   * ```
   *
   * @param options the options of `openChannel`
   * @throws the errors of `openChannel`, ConfigurationError if `work` is no function, or the error of `work`
   */
  async withScratchChannel<T>(
    work: (channel: Channel) => Promise<T>,
    options: ChannelOptions & CallOptions = {},
  ): Promise<T> {
    checkOptions('withScratchChannel', options, OPEN_CHANNEL);
    checkValue('withScratchChannel: work', work, FUNCTION);
    const channel = await this.openChannel({ ...options, restore: false });
    try {
      return await work(channel);
    } finally {
      await channel.close();
    }
  }

  /**
   * Sends a new secret for a login whose token expires (connection.update-secret, RabbitMQ's OAuth 2 plugin). PLAIN and
   * AMQPLAIN use it for later logins, unless the option `credentials` is a function, which renews them by itself, or the
   * function `urls` returns another password than before. While the connection is lost, the next login uses the secret,
   * and the promise resolves when the connection is open.
   *
   * @param reason for the broker's log
   * @throws ConfigurationError for a secret or a reason that is no string
   * @throws ConnectionLostError if the connection is lost before the answer; the next login uses the secret
   * @throws TimeoutError if there was no answer, or no login, within the timeout
   * @throws the broker's error if it refuses the secret and closes the connection; later logins use the former one
   * @throws ConnectionClosedError
   */
  async updateSecret(newSecret: string, reason: string, options: CallOptions = {}): Promise<void> {
    checkCall('updateSecret', options);
    checkValue('updateSecret: newSecret', newSecret, TEXT);
    checkValue('updateSecret: reason', reason, TEXT);
    await this.#endpoint.updateSecret(newSecret, reason, options);
  }

  /**
   * Resolves after at least one method or message was dispatched on a channel.
   *
   * @param options.timeout ms; default the connection's `rpcTimeout`
   * @throws TimeoutError, ConnectionClosedError, the signal's reason, ConfigurationError
   */
  async drainEvents(options: CallOptions = {}): Promise<void> {
    checkCall('drainEvents', options);
    if (this.#endpoint.state === 'closed')
      throw new ConnectionClosedError('drainEvents: the connection is closed; open another with connect()');
    const { clock, rpcTimeout } = this.#endpoint.options;
    const { timeout = rpcTimeout, signal } = options;
    await this.#endpoint.events.next(clock, { timeout, signal });
  }

  /** Sends a heartbeat frame (section 4.2.7). Has no effect while the connection is not open. */
  sendHeartbeat(): void {
    this.#endpoint.link?.transport.sendHeartbeat();
  }

  /**
   * Sends and checks heartbeats, for `heartbeat: { mode: 'manual' }`. Has no effect while the connection is not open.
   *
   * @param rate how many times within one interval it is called, at least; a positive number. Default 2
   * @throws ConfigurationError for another rate
   */
  heartbeatTick(rate = 2): void {
    checkValue('rate', rate, RATE);
    this.#endpoint.link?.heartbeatTick(rate);
  }

  /**
   * Closes the connection gracefully and for good. First every channel closes: consumers are cancelled, and running
   * handlers, confirms and acks are awaited. Then connection.close is sent. A broker that has blocked the connection
   * does not read from it: handlers still finish and their acks are sent, but no answer is awaited, and waiting
   * publishes are refused after a second.
   *
   * @param options.timeout ms for all steps, after which the rest is cut off; Infinity for no limit. Of several calls
   * the earliest deadline counts, also for channels that are already closing. Default 10,000
   */
  close(options: { readonly timeout?: number } = {}): Promise<void> {
    try {
      return this.#endpoint.close(closeTimeout(options));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

showAs(Connection, ({ state, connectionName, blocked }) => ({ state, connectionName, blocked }));
