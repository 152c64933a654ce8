import { onAbort } from '../../environment/index.js';
import type { Method } from '../../protocol/types.js';
import { createChannel, endpointOf, type Channel } from '../channel/channel.js';
import type { ChannelEndpoint } from '../channel/channel-endpoint.js';
import type { ChannelHost, Leaving, Restorable } from '../channel/channel-host.js';
import { resolveChannelOptions, type ResolvedChannelOptions } from '../channel/channel-options.js';
import { TopologyRecord } from '../channel/topology-record.js';
import { diagnostics, type ConnectMessage } from '../diagnostics.js';
import { Outages } from '../outages.js';
import type { BrokerPeer } from '../tracing.js';
import {
  ConfigurationError,
  ConnectionClosedError,
  ConnectionLostError,
  type AmqpError,
  type ConnectionError,
} from '../errors.js';
import type { ResolvedOptions } from '../link/connection-options.js';
import { foreignError } from '../foreign-error.js';
import { connectToAny } from '../link/connector.js';
import { asLost, type Link, type LinkOwner } from '../link/link.js';
import { PendingCalls, type CallOptions } from '../link/pending-calls.js';
import { reconnect, type Loss } from '../recovery/reconnect.js';
import { ReconnectPace } from '../recovery/reconnect-pace.js';
import { restore } from '../recovery/restore.js';
import { TopologyRestorer } from '../recovery/topology-restorer.js';
import type { Report } from '../safe-emitter.js';
import { respondents, type Survey, type Surveyed } from '../survey.js';
import { textOf } from '../text-of.js';
import { promiseOf } from '../thenable.js';
import { Deferred, within, type WaitOptions } from '../timing/deferred.js';
import { Channels } from './channels.js';
import { ConnectionClosing, type ClosingConnection } from './connection-closing.js';
import { CredentialRenewal } from './credential-renewal.js';
import type { ConnectionEvents, ConnectionState } from './connection-events.js';
import { EventWaiters } from './event-waiters.js';

/**
 * The broker's side of a connection: its states, its link, and its way back after a loss.
 *
 *     connecting ──▶ open ──(link lost)──▶ reconnecting ──▶ open
 *         │           │ close()                 │ close(), attempts spent, or `reconnect: false`
 *         └───────────┴──────▶ closing ──▶ closed ◀┘
 */
export class ConnectionEndpoint implements ChannelHost, ClosingConnection, LinkOwner, Surveyed {
  readonly topology = new TopologyRecord((entity) => this.restorer.discard(entity));
  /** Calls on channel 0. */
  readonly control: PendingCalls;
  /** The calls that wait for the next event of any kind. */
  readonly events = new EventWaiters();
  readonly channels = new Channels(() => this.link);
  private readonly end = new Deferred<AmqpError | undefined>();
  private readonly outages = new Outages('connection', this);
  readonly restorer: TopologyRestorer;
  private readonly renewal: CredentialRenewal;
  private readonly stop = new AbortController();
  private readonly pace: ReconnectPace | undefined;
  private readonly closing: ConnectionClosing;
  /** The calls that wait for the connection to open. */
  private readonly opening = new Set<Deferred<void>>();
  private current: ConnectionState = 'connecting';
  private wasOpen = false;
  private latestLink: Link | undefined;
  /** Clock time, ms. */
  private openSince = 0;
  private lastTrouble: AmqpError | undefined;

  constructor(
    readonly options: ResolvedOptions,
    private readonly report: Report<ConnectionEvents>,
  ) {
    const { reconnect: limits, random, clock, rpcTimeout } = options;
    this.pace = limits ? new ReconnectPace(limits, random) : undefined;
    this.closing = new ConnectionClosing(this, clock);
    this.control = new PendingCalls(
      (name, args) => {
        const { link } = this;
        if (!link) throw new ConnectionLostError(`${name}: the connection is lost`, 'not-sent');
        link.send(0, name, args);
      },
      clock,
      rpcTimeout,
    );
    this.restorer = new TopologyRestorer(
      this.topology,
      this,
      (needed, lenders) => this.scratchChannel(needed, lenders),
      {
        renamed: (queue, name) => this.report('queueRenamed', queue, name),
        restored: (entity) => this.report('restored', entity),
        failed: (entity, error) => {
          options.logger.warn(`${entity} could not be restored: ${textOf(error)}`);
          this.report('restoreFailed', entity, error);
        },
      },
      this.stop.signal,
    );
    this.renewal = new CredentialRenewal(this, report);
    respondents.add(this);
  }

  /** Resolves when the connection is closed for good. */
  get closed(): Promise<AmqpError | undefined> {
    return this.end.promise;
  }

  get state(): ConnectionState {
    return this.current;
  }

  /** True if the connection is closing or closed. */
  get isOver(): boolean {
    return this.closing.begun || this.current === 'closed';
  }

  get link(): Link | undefined {
    return this.latestLink?.alive ? this.latestLink : undefined;
  }

  /** The values that were negotiated on the live or last link. */
  get lastLink(): Link | undefined {
    return this.latestLink;
  }

  /** The error because of which the credentials are not renewed. */
  get renewalError(): AmqpError | undefined {
    return this.link && this.renewal.failure;
  }

  get blocked(): string | undefined {
    return this.link?.blocked;
  }

  get trouble(): AmqpError | undefined {
    return this.link ? undefined : this.lastTrouble;
  }

  /** The broker of the last link. */
  get peer(): BrokerPeer | undefined {
    return this.latestLink?.peer;
  }

  get restoring(): boolean {
    return !this.isOver && (this.link !== undefined || this.options.reconnect !== false);
  }

  // Opening and restoring.

  /**
   * Tries every host once. @throws the error of the last host, or the signal's reason; the connection is closed then
   */
  async open(signal: AbortSignal | undefined): Promise<void> {
    try {
      const stop = signal ? AbortSignal.any([this.stop.signal, signal]) : this.stop.signal;
      const link = await connectToAny(this.options, stop);
      // Before the link is adopted, since it may report its end at once.
      this.current = 'open';
      this.wasOpen = true;
      this.adopt(link);
    } catch (error) {
      this.finish(error as AmqpError);
      throw error;
    }
  }

  /** Connects in the background, in the way in which it later reconnects. */
  openInBackground(signal: AbortSignal | undefined): void {
    // Later, since whoever creates the connection listens to it afterwards.
    if (signal?.aborted) return queueMicrotask(() => this.finish(signal.reason as AmqpError));
    const unwatch = signal && onAbort(signal, () => this.finish(signal.reason as AmqpError));
    void this.reconnect(undefined).finally(() => unwatch?.());
  }

  /**
   * Resolves when the connection is open and everything is restored. @throws TimeoutError, ConnectionClosedError, or
   * the error that has closed it
   */
  async whenOpen(wait: WaitOptions): Promise<void> {
    if (this.current === 'open') return;
    if (this.current === 'closed')
      throw (await this.closed) ?? new ConnectionClosedError('the connection is closed; open another with connect()');
    const back = new Deferred<void>();
    this.opening.add(back);
    try {
      await within(back.promise, this.options.clock, wait, `the connection was not open within ${wait.timeout} ms`);
    } finally {
      this.opening.delete(back);
    }
  }

  /** Sends a new secret, which later logins use, too. While the connection is lost, the next login brings it. */
  async updateSecret(newSecret: string, reason: string, wait: CallOptions): Promise<void> {
    if (this.isOver)
      throw new ConnectionClosedError('updateSecret: the connection is closed; open another with connect()');
    const { secret, rpcTimeout } = this.options;
    if (!this.link) {
      secret.use(newSecret);
      return this.whenOpen({ timeout: rpcTimeout, ...wait });
    }
    const args = { newSecret: Buffer.from(newSecret), reason };
    try {
      await this.control.call('connection.updateSecret', args, wait, () => secret.use(newSecret));
    } catch (error) {
      const refused = (error as ConnectionLostError).method === 'connection.updateSecret';
      if (error instanceof ConnectionLostError && !refused) secret.use(newSecret);
      throw error;
    }
  }

  /** Returns a channel that opens as soon as the connection is open. */
  channel(options: ResolvedChannelOptions): Channel {
    const channel = createChannel(this, options);
    const endpoint = endpointOf(channel);
    this.channels.add(endpoint);
    if (this.current === 'open') this.begin(endpoint);
    return channel;
  }

  /** @param error the error of the loss; undefined if the connection was not open yet */
  private async reconnect(error: ConnectionError | undefined): Promise<void> {
    const { clock } = this.options;
    try {
      const loss = error && { error, openFor: clock.now() - this.openSince, endpoint: this.latestLink!.endpoint };
      const back = await this.findLink(loss, (failure, delay) => {
        this.lastTrouble = failure;
        if (!this.isOver) this.report('reconnectFailed', failure, delay);
      });
      if (!back) return;
      // close() may have been called in the turn in which the link opened. Then nobody else would end the link.
      if (this.isOver) return back.fail(new ConnectionClosedError('the connection was closed'));
      this.adopt(back);
    } catch (error) {
      return this.isOver ? undefined : this.finish(error as AmqpError);
    }
    const link = this.link;
    this.channels.dropOver(this.latestLink!.negotiated.channelMax);
    const channels = [...this.channels].filter(({ id, channelOptions }) => id > 0 || !channelOptions.openAfter);
    await restore(channels, (lost) => this.restorer.replayAll(lost), this);
    // The link was lost again meanwhile, and that loss has started its own reconnect.
    if (!link || this.link !== link || this.closing.begun) return;
    this.current = 'open';
    const first = !this.wasOpen;
    this.wasOpen = true;
    // Channels that were created meanwhile, without those of the restorer.
    for (const channel of this.channels) if (channel.id === 0) this.begin(channel);
    this.outages.restored();
    if (first) this.report('connected');
    else this.report('reconnected');
    for (const waiter of this.opening) waiter.resolve();
  }

  private findLink(
    loss: Loss | undefined,
    onFailure: (error: AmqpError, delay: number) => void,
  ): Promise<Link | undefined> {
    const { reconnect: limits, connectAttempts: attempts, random } = this.options;
    const pace = loss ? this.pace! : new ReconnectPace({ ...(limits || undefined), attempts }, random);
    return reconnect(this.options, pace, loss, this.stop.signal, onFailure);
  }

  private adopt(link: Link): void {
    this.latestLink = link;
    this.openSince = this.options.clock.now();
    if (diagnostics.connect.hasSubscribers) {
      const message: ConnectMessage = { address: link.transport.address, connectionName: this.options.connectionName };
      diagnostics.connect.publish(message);
    }
    link.attach(this);
    this.renewal.begin(link);
  }

  /**
   * A channel opens on the path on which others are restored. Its opener sets the deadline, since a broker that blocks
   * answers late.
   */
  private begin(channel: ChannelEndpoint): void {
    const { openAfter } = channel.channelOptions;
    if (openAfter) void this.beginAfter(channel, openAfter);
    else void restore([channel], undefined, this, { timeout: Infinity });
  }

  private async beginAfter(channel: ChannelEndpoint, openAfter: () => Promise<unknown>): Promise<void> {
    const { link } = this;
    try {
      const work = promiseOf(openAfter());
      // A forgotten `return` would open the channel too early.
      if (!work) throw new ConfigurationError('openAfter must return a promise');
      await work;
    } catch (error) {
      // Work that was lost with the connection runs again on the next.
      if (this.link === link) channel.finish(foreignError(error, 'openAfter'));
      return;
    }
    if (this.link === link) await restore([channel], undefined, this, { timeout: Infinity });
  }

  /**
   * Opens a channel for the restorer, which works on a link before the connection is open. @param lenders channels that
   * open anew after it is closed
   */
  private async scratchChannel(
    needed: 'while-open' | 'while-closing',
    lenders: readonly Restorable[],
  ): Promise<Channel> {
    if (this.closing.begun && !(needed === 'while-closing' && this.current !== 'closing'))
      throw new ConnectionClosedError('the connection is closed; open another with connect()');
    // With a record of its own, since the connection's record already has the entities.
    const channel = createChannel(this, resolveChannelOptions({ restore: false }), new TopologyRecord());
    const endpoint = endpointOf(channel);
    this.channels.add(endpoint);
    try {
      endpoint.takeId(this.channels.allocateId(this.latestLink!.negotiated.channelMax, lenders));
      await endpoint.attach();
      await endpoint.resume();
      return channel;
    } catch (error) {
      endpoint.finish(error as AmqpError);
      throw error;
    }
  }

  // Requests of channels.

  restore(channel: Restorable): void {
    void restore([channel], (channels) => this.restorer.replayFor(channels), this);
  }

  restoreQueue(queue: string): Promise<number> {
    return this.restorer.replayQueue(queue);
  }

  async findExchange(exchange: string): Promise<void> {
    if (this.isOver) throw new ConnectionClosedError('the connection is closed; open another with connect()');
    const channel = this.channel(resolveChannelOptions({ restore: false }));
    try {
      await channel.exchangeDeclare(exchange, 'direct', { passive: true });
    } finally {
      await channel.close();
    }
  }

  leave(channel: Leaving, left: () => void): void {
    this.channels.leave(channel, left);
  }

  allocateId(): number {
    return this.channels.allocateId(this.latestLink!.negotiated.channelMax);
  }

  farewellOf(id: number): Promise<void> | undefined {
    return this.channels.farewellOf(id);
  }

  release(channel: Leaving): void {
    this.channels.release(channel, () => this.restorer.onChannelFree());
  }

  // Events of the link.

  onControlMethod(method: Method): void {
    switch (method.name) {
      case 'connection.blocked':
        this.options.logger.warn(`the broker has blocked the connection: ${method.args.reason}`);
        this.outages.blocked(method.args.reason);
        return this.report('blocked', method.args.reason);
      case 'connection.unblocked':
        this.outages.unblocked();
        this.report('unblocked');
        return this.channels.pump();
      default:
        if (!this.control.settle(method.name, method)) {
          this.options.logger.warn(`the broker sent ${method.name}, which nothing waits for`);
        }
    }
  }

  onLinkLost(error: ConnectionError): void {
    const reason = asLost(error);
    this.lastTrouble = reason;
    this.control.fail(reason);
    this.events.fail(reason);
    const goesOn = this.restoring;
    if (goesOn) this.current = 'reconnecting';
    this.outages.blockLost(reason);
    if (goesOn) this.outages.lost(reason);
    for (const channel of this.channels) channel.onLinkLost(reason);
    if (this.closing.begun) return;
    this.options.logger.warn(reason.message);
    this.report('disconnected', reason);
    // A listener may have closed the connection.
    if (this.closing.begun) return;
    if (goesOn) void this.reconnect(reason);
    else this.finish(reason);
  }

  onRoom(): void {
    this.channels.pump();
  }

  onEvents(): void {
    this.events.came();
  }

  heldBytes(): number {
    return this.channels.heldBytes;
  }

  awaitsBroker(): boolean {
    return this.control.waiting || this.events.any || this.channels.awaitBroker;
  }

  // Answers to surveys.

  answer(survey: Survey): void {
    const { peer, blocked, state, channels, options } = this;
    const { connectionName } = options;
    survey.connection({ connectionName, peer, state, blocked, ...channels.publishes });
    for (const channel of channels) channel.consumers.answer(survey);
  }

  // Closing.

  /** @param timeout ms for all steps; of several calls the earliest deadline counts */
  close(timeout: number): Promise<void> {
    return this.closing.close(timeout);
  }

  endEfforts(reason: ConnectionClosedError): void {
    this.current = 'closing';
    this.stop.abort(reason);
    this.renewal.end(reason);
  }

  finish(error: AmqpError | undefined): void {
    if (this.current === 'closed') return;
    this.current = 'closed';
    respondents.delete(this);
    const reason = error ?? new ConnectionClosedError('the connection was closed');
    this.stop.abort(reason);
    this.outages.over(reason);
    this.events.fail(reason);
    for (const waiter of this.opening) waiter.reject(reason);
    for (const channel of this.channels) channel.finish(error);
    this.end.resolve(error);
    this.report('closed', error);
  }
}
