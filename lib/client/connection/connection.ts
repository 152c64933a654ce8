import { showAs } from '../../shown/index.js';
import type { Duplex } from 'node:stream';
import type { FieldTable } from '../../protocol/field-table.js';
import type { Method } from '../../protocol/types.js';
import { Channel } from '../channel/channel.js';
import type { ChannelHost, Leaving, Restorable } from '../channel/channel-host.js';
import { ChannelIds } from './channel-ids.js';
import { resolveChannelOptions, type ChannelOptions } from '../channel/channel-options.js';
import { Deferred, within } from '../timing/deferred.js';
import { onAbort } from '../timing/on-abort.js';
import { diagnostics, type ConnectMessage } from '../diagnostics.js';
import { connectToAny } from '../link/connector.js';
import type { ConnectionError } from '../errors.js';
import { ConnectionClosedError, ConnectionLostError, NotAllowedError, type AmqpError } from '../errors.js';
import { textOf } from '../text-of.js';
import { EarliestDeadline } from '../timing/earliest-deadline.js';
import { EventWaiters } from './event-waiters.js';
import { checkDuration, inRange } from '../option-checks.js';
import { SafeEmitter } from '../safe-emitter.js';
import { sayFarewell } from './farewell.js';
import { asLost, type Link, type LinkOwner } from '../link/link.js';
import { resolveOptions, type ConnectionOptions, type ResolvedOptions } from '../link/connection-options.js';
import { reconnect, type Loss } from '../recovery/reconnect.js';
import { ReconnectPace } from '../recovery/reconnect-pace.js';
import { isRecoverable, recoverableChannelErrors, recoverableConnectionErrors } from '../recovery/recoverable.js';
import { restore } from '../recovery/restore.js';
import { PendingCalls, type CallOptions } from '../link/pending-calls.js';
import { TopologyRecord } from '../channel/topology-record.js';
import { TopologyRestorer, type RestorerEvents } from '../recovery/topology-restorer.js';

export type ConnectionEvents = {
  /** It is open for the first time. Only a connection of `createConnection()` has listeners by then. */
  connected: [];
  /** The connection was lost; it reconnects, unless `closed` follows. */
  disconnected: [error: ConnectionError];
  /** An attempt to connect or reconnect failed; the next is `delay` ms away. */
  reconnectFailed: [error: AmqpError, delay: number];
  /** It is back: channels, topology and consumers are restored. */
  reconnected: [];
  /** The broker takes no publishes for now (https://www.rabbitmq.com/docs/connection-blocked). */
  blocked: [reason: string];
  unblocked: [];
  /** Something that was declared here could not be declared again after a loss. */
  restoreFailed: [entity: string, error: unknown];
  /** What `restoreFailed` told of is there after all: it was locked by the connection of before. */
  restored: [entity: string];
  /**
   * A queue that the broker names has another name after a loss. Calls and publishes to the default exchange take either;
   * what travels in messages, as in `replyTo`, must be the new one.
   *
   * @param queue as `queueDeclare` has told it
   */
  queueRenamed: [queue: string, name: string];
  /** Closed for good: by `close()`, or with the reason. */
  closed: [error: AmqpError | undefined];
};

export type ConnectionState = 'connecting' | 'open' | 'reconnecting' | 'closing' | 'closed';

/**
 * A connection that survives: when its link is lost it opens another, to the same or another host, and restores its
 * channels.
 *
 *     connecting ──▶ open ──(link lost)──▶ reconnecting ──▶ open
 *         │           │ close()                 │ close(), attempts spent, or `reconnect: false`
 *         └───────────┴──────▶ closing ──▶ closed ◀┘
 */
export class Connection extends SafeEmitter<ConnectionEvents> implements ChannelHost, LinkOwner {
  static readonly recoverableConnectionErrors = recoverableConnectionErrors;
  static readonly recoverableChannelErrors = recoverableChannelErrors;
  static readonly isRecoverable = isRecoverable;

  /** Resolves when it is closed for good: with undefined by `close()`, else with the reason. Never rejects. */
  readonly closed: Promise<AmqpError | undefined>;
  /** @internal */
  readonly options: ResolvedOptions;
  /** @internal */
  readonly topology = new TopologyRecord((queue) => this.restorer.discard(queue));
  private readonly end = new Deferred<AmqpError | undefined>();
  private readonly control: PendingCalls;
  private readonly ids = new ChannelIds();
  private readonly channels = new Set<Channel>();
  /** Of channels that have ended here, and that the broker has not closed yet. */
  private readonly farewells = new Set<Promise<void>>();
  private readonly restorer: TopologyRestorer;
  private readonly stop = new AbortController();
  private current: ConnectionState = 'connecting';
  private wasOpen = false;
  private liveLink: Link | undefined;
  /** Clock time, ms. */
  private openSince = 0;
  private readonly pace: ReconnectPace | undefined;
  private blockedReason: string | undefined;
  private closing: Promise<void> | undefined;
  private readonly events = new EventWaiters();
  private readonly deadline: EarliestDeadline;
  /** Who waits until the connection is back. */
  private readonly opening = new Set<Deferred<void>>();

  /** Use `connect()` or `createConnection()`. */
  private constructor(options: ConnectionOptions) {
    super();
    this.options = resolveOptions(options);
    this.closed = this.end.promise;
    const { reconnect: limits, random } = this.options;
    this.pace = limits ? new ReconnectPace(limits, random) : undefined;
    this.deadline = new EarliestDeadline(this.options.clock, 'the deadline of close() has passed');
    this.control = new PendingCalls(
      (name, args) => {
        if (!this.liveLink?.alive) throw new ConnectionLostError(`${name}: the connection is lost`, 'not-sent');
        this.liveLink.send(0, name, args);
      },
      this.options.clock,
      this.options.rpcTimeout,
    );
    const tell: RestorerEvents = {
      renamed: (queue, name) => this.report('queueRenamed', queue, name),
      restored: (entity) => this.report('restored', entity),
      failed: (entity, error) => {
        this.options.logger.warn(`${entity} could not be restored: ${textOf(error)}`);
        this.report('restoreFailed', entity, error);
      },
    };
    const openScratch = (whileClosing: boolean): Promise<Channel> => this.scratchChannel(whileClosing);
    this.restorer = new TopologyRestorer(this.topology, this, openScratch, tell, this.stop.signal);
  }

  /** @internal */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const connection = new Connection(options);
    try {
      const { signal } = options;
      const stop = signal ? AbortSignal.any([connection.stop.signal, signal]) : connection.stop.signal;
      const link = await connectToAny(connection.options, stop);
      // Before it is adopted: it may tell of its end at once.
      connection.current = 'open';
      connection.wasOpen = true;
      connection.adopt(link);
      return connection;
    } catch (error) {
      connection.finish(error as AmqpError);
      throw error;
    }
  }

  /** @internal It connects by itself, as it reconnects. */
  static create(options: ConnectionOptions): Connection {
    const connection = new Connection(options);
    const { signal } = options;
    if (signal?.aborted) connection.finish(signal.reason as AmqpError);
    else {
      const unwatch = signal && onAbort(signal, () => connection.finish(signal.reason as AmqpError));
      void connection.reconnect(undefined).finally(() => unwatch?.());
    }
    return connection;
  }

  get state(): ConnectionState {
    return this.current;
  }

  /** Open, and something came within the last two heartbeat intervals. */
  get isAlive(): boolean {
    const link = this.link;
    if (!link) return false;
    const interval = link.negotiated.heartbeat * 1000;
    return interval === 0 || this.options.clock.now() - link.transport.lastReceived <= 2 * interval;
  }

  /** The broker's reason, while it has blocked the connection. */
  get blocked(): string | undefined {
    return this.blockedReason;
  }

  /** What the broker calls a queue now that it has named: `queueDeclare` told `queue`, and a loss may have changed it. */
  queueName(queue: string): string {
    return this.topology.resolve(queue);
  }

  /** What the broker told of itself; of the last link, while there is none. */
  get serverProperties(): FieldTable {
    return this.liveLink?.negotiated.serverProperties ?? {};
  }

  /**
   * The user that it has logged in as, whom the broker vouches for as `userId` of a message. Undefined for a login by
   * certificate or by a mechanism of your own, and before the first login.
   */
  get user(): string | undefined {
    return this.liveLink?.negotiated.user;
  }

  /** The largest frame, in bytes, as negotiated. */
  get frameMax(): number {
    return this.liveLink?.negotiated.frameMax ?? 0;
  }

  /** The socket of the live link, to look at. */
  get socket(): Duplex | undefined {
    return this.link?.transport.socket;
  }

  /**
   * Resolves when it is open, with everything restored; at once when it is.
   *
   * @param options.timeout ms; default the connection's `rpcTimeout`
   * @throws TimeoutError, ConnectionClosedError, or the error that has closed it
   */
  async whenOpen({ timeout = this.options.rpcTimeout, signal }: CallOptions = {}): Promise<void> {
    if (this.current === 'open') return;
    if (this.current === 'closed') throw (await this.closed) ?? new ConnectionClosedError('the connection is closed');
    const back = new Deferred<void>();
    this.opening.add(back);
    try {
      const late = `the connection was not open within ${timeout} ms`;
      await within(back.promise, this.options.clock, { timeout, signal }, late);
    } finally {
      this.opening.delete(back);
    }
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
    if (this.closing || this.current === 'closed') {
      throw new ConnectionClosedError('the connection is closed; open another with connect()');
    }
    const channel = new Channel(this, resolved);
    this.channels.add(channel);
    if (this.current === 'open') this.begin(channel);
    return channel;
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
    try {
      await channel.whenFirstOpen({ timeout: timeout ?? this.options.rpcTimeout, signal });
      return channel;
    } catch (error) {
      channel.finish(error as AmqpError);
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
    await this.control.call('connection.updateSecret', { newSecret: Buffer.from(newSecret), reason }, options);
    this.options.renewed.password = newSecret;
  }

  /** Resolves after at least one method or message was dispatched on any channel. @throws TimeoutError after `timeout` ms */
  async drainEvents(options: CallOptions = {}): Promise<void> {
    if (this.current === 'closed') throw new ConnectionClosedError('drainEvents: the connection is closed');
    const { timeout = this.options.rpcTimeout, signal } = options;
    await this.events.next(this.options.clock, { timeout, signal });
  }

  /** A heartbeat frame, now. */
  sendHeartbeat(): void {
    this.link?.transport.sendHeartbeat();
  }

  /** For `heartbeat: { mode: 'manual' }`: call it `rate` times an interval, or more often. */
  heartbeatTick(rate = 2): void {
    inRange('rate', rate, Number.MIN_VALUE, Number.MAX_VALUE);
    this.link?.heartbeatTick(rate);
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
    this.deadline.within(timeout);
    if (this.closing) for (const channel of this.channels) void channel.close({ timeout });
    return (this.closing ??= this.closeOnce(timeout));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // What channels ask.

  /** @internal */
  get link(): Link | undefined {
    return this.liveLink?.alive ? this.liveLink : undefined;
  }

  /** @internal */
  get restoring(): boolean {
    if (this.current === 'closed' || this.closing) return false;
    return this.link !== undefined || this.options.reconnect !== false;
  }

  /** @internal */
  restore(channel: Restorable): void {
    void restore([channel], (channels) => this.restorer.replayFor(channels), this);
  }

  /** @internal */
  restoreQueue(queue: string): Promise<number> {
    return this.restorer.replayQueue(queue);
  }

  /** @internal */
  leave(channel: Leaving, left: () => void): void {
    sayFarewell(this.link, channel, left);
  }

  /** @internal */
  allocateId(): number {
    return this.ids.allocate(this.liveLink!.negotiated.channelMax);
  }

  /** @internal */
  release(channel: Leaving): void {
    if (!this.channels.delete(channel as Channel) || channel.id === 0) return;
    const left = new Deferred<void>();
    this.farewells.add(left.promise);
    sayFarewell(this.link, channel, () => {
      this.ids.release(channel.id);
      this.farewells.delete(left.promise);
      left.resolve();
      this.restorer.onChannelFree();
    });
  }

  // What the link tells.

  /** @internal */
  onControlMethod(method: Method): void {
    switch (method.name) {
      case 'connection.blocked':
        this.blockedReason = method.args.reason;
        this.options.logger.warn(`the broker has blocked the connection: ${method.args.reason}`);
        return this.report('blocked', method.args.reason);
      case 'connection.unblocked':
        this.blockedReason = undefined;
        this.report('unblocked');
        return this.pumpAll();
      default:
        if (!this.control.settle(method.name, method)) {
          this.options.logger.warn(`the broker sent ${method.name}, which nothing waits for`);
        }
    }
  }

  /** @internal */
  onLinkLost(error: ConnectionError): void {
    this.blockedReason = undefined;
    const reason = asLost(error);
    this.control.fail(reason);
    this.events.fail(reason);
    const goesOn = this.restoring;
    if (goesOn) this.current = 'reconnecting';
    for (const channel of [...this.channels]) channel.onLinkLost(reason);
    if (this.closing) return;
    this.options.logger.warn(reason.message);
    this.report('disconnected', reason);
    // A listener may have closed it.
    if (this.closing) return;
    if (goesOn) void this.reconnect(reason);
    else this.finish(reason);
  }

  /** @internal */
  onRoom(): void {
    this.pumpAll();
  }

  /** @internal */
  onEvents(): void {
    this.events.came();
  }

  /** @internal */
  heldBytes(): number {
    let bytes = 0;
    for (const { consumers } of this.channels) bytes += consumers.heldBytes;
    return bytes;
  }

  /** @internal */
  awaitsBroker(): boolean {
    if (this.control.waiting || this.events.any) return true;
    for (const channel of this.channels) if (channel.awaitsBroker) return true;
    return false;
  }

  private pumpAll(): void {
    for (const channel of this.channels) channel.onWritable();
  }

  private adopt(link: Link): void {
    this.liveLink = link;
    this.openSince = this.options.clock.now();
    if (diagnostics.connect.hasSubscribers) {
      const message: ConnectMessage = { address: link.transport.address, connectionName: this.options.connectionName };
      diagnostics.connect.publish(message);
    }
    link.attach(this);
  }

  /** @param error of the loss; undefined when it was not open yet */
  private async reconnect(error: ConnectionError | undefined): Promise<void> {
    const stopped = (): boolean => this.closing !== undefined || this.current === 'closed';
    const { clock } = this.options;
    try {
      const loss = error && { error, openFor: clock.now() - this.openSince, endpoint: this.liveLink!.endpoint };
      const back = await this.findLink(loss, (failure, delay) => {
        if (!stopped()) this.report('reconnectFailed', failure, delay);
      });
      if (!back) return;
      // close() may have come in the very turn that the link came up: then nobody else would end it.
      if (stopped()) return back.fail(new ConnectionClosedError('the connection was closed'));
      this.adopt(back);
    } catch (error) {
      return stopped() ? undefined : this.finish(error as AmqpError);
    }
    const link = this.link;
    this.dropChannelsOver(this.liveLink!.negotiated.channelMax);
    await restore([...this.channels], () => this.restorer.replayAll(), this);
    // Lost again meanwhile: that loss has begun a reconnect of its own.
    if (!link || this.link !== link || this.closing) return;
    this.current = 'open';
    const first = !this.wasOpen;
    this.wasOpen = true;
    // Those that came meanwhile, less the restorer's own.
    for (const channel of this.channels) if (channel.id === 0) this.begin(channel);
    if (first) this.report('connected');
    else this.report('reconnected');
    for (const waiter of this.opening) waiter.resolve();
  }

  private findLink(
    loss: Loss | undefined,
    onFailure: (error: AmqpError, delay: number) => void,
  ): Promise<Link | undefined> {
    const { signal } = this.stop;
    return this.pace ? reconnect(this.options, this.pace, loss, signal, onFailure) : connectToAny(this.options, signal);
  }

  /** A failover may lead to a broker that allows fewer channels: it would close the connection for a higher number. */
  private dropChannelsOver(channelMax: number): void {
    for (const channel of [...this.channels]) {
      if (channel.id <= channelMax) continue;
      channel.finish(
        new NotAllowedError(
          `channel ${channel.id} does not come back: the broker that the connection is on now allows ${channelMax} ` +
            '(channel-max); open fewer, or give all brokers the same limit',
          { scope: 'channel' },
        ),
      );
    }
  }

  /** A channel opens as others are restored. Its opener sets the deadline: a broker that blocks answers late. */
  private begin(channel: Channel): void {
    void restore([channel], () => Promise.resolve(), this, { timeout: Infinity });
  }

  /** For the restorer, which works on a link before the connection is open. */
  private async scratchChannel(whileClosing: boolean): Promise<Channel> {
    if (this.closing && !(whileClosing && this.current !== 'closing'))
      throw new ConnectionClosedError('the connection is closed');
    // A record of its own: what is declared again is on record already.
    const channel = new Channel(this, resolveChannelOptions({ restore: false }), new TopologyRecord());
    this.channels.add(channel);
    try {
      await channel.attach();
      await channel.resume();
      return channel;
    } catch (error) {
      channel.finish(error as AmqpError);
      throw error;
    }
  }

  private async closeOnce(timeout: number): Promise<void> {
    if (this.current !== 'closed') {
      if (this.link) await Promise.all([...this.channels].map((channel) => channel.close({ timeout })));
      await this.deadline.race(this.queuesDiscarded()).catch(() => {});
      this.current = 'closing';
      this.stop.abort(new ConnectionClosedError('the connection was closed'));
      await this.sayGoodbye();
      this.finish(undefined);
    }
    this.deadline.end();
  }

  /** Queues that are left over are known once the broker has closed the channels of their consumers. */
  private async queuesDiscarded(): Promise<void> {
    // A broker that has blocked the connection closes nothing.
    if (this.blocked === undefined) await Promise.all(this.farewells);
    await this.restorer.discarded();
  }

  private async sayGoodbye(): Promise<void> {
    const { link } = this;
    if (!link) return;
    const goodbye = { replyCode: 200, replyText: 'bye', classId: 0, methodId: 0 };
    // RabbitMQ reads nothing from a connection that it has blocked: it will find this when it reads again.
    if (this.blocked !== undefined) link.send(0, 'connection.close', goodbye);
    else {
      // Whatever the broker answers, or fails to: it is over.
      const answered = this.control.call('connection.close', goodbye, { timeout: Infinity });
      await this.deadline.race(answered).catch(() => {});
    }
    link.finish(new ConnectionClosedError('the connection was closed'));
  }

  private finish(error: AmqpError | undefined): void {
    if (this.current === 'closed') return;
    this.current = 'closed';
    const reason = error ?? new ConnectionClosedError('the connection was closed');
    this.stop.abort(reason);
    this.events.fail(reason);
    for (const waiter of this.opening) waiter.reject(reason);
    for (const channel of [...this.channels]) channel.finish(error);
    this.end.resolve(error);
    this.report('closed', error);
  }
}

showAs(Connection, ({ state, options: { connectionName }, blocked }) => ({ state, connectionName, blocked }));
