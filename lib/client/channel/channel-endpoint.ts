import type { Method, MethodArguments, MethodName } from '../../protocol/types.js';
import type { Clock, Random } from '../../environment/index.js';
import { closeError, type CloseArguments } from '../close-error.js';
import type { Consumer } from '../consuming/consumer.js';
import { ConsumerSet } from '../consuming/consumer-set.js';
import type { ConsumingChannel } from '../consuming/consumer-set-host.js';
import type { Settlements } from '../consuming/settlements.js';
import { ChannelClosedError, PublishNackedError, type AmqpError } from '../errors.js';
import type { ChannelError, ConnectionError } from '../errors.js';
import { PendingCalls, type CallOptions } from '../link/pending-calls.js';
import { Gate, type ChannelState } from '../publishing/gate.js';
import { Publisher } from '../publishing/publisher.js';
import type { Ending, PublisherHost } from '../publishing/publisher-host.js';
import type { Report } from '../safe-emitter.js';
import { Outages } from '../outages.js';
import type { BrokerPeer } from '../tracing.js';
import { Deadline } from '../timing/deadline.js';
import { Deferred, within, type WaitOptions } from '../timing/deferred.js';
import { BrokerSide } from './broker-side.js';
import { ChannelCalls, type CalledChannel } from './channel-calls.js';
import { ChannelClosing, type ClosingChannel } from './channel-closing.js';
import type { ChannelEvents } from './channel-events.js';
import type { ChannelHost } from './channel-host.js';
import { AskedPrefetch, Prefetches } from './prefetches.js';
import type { ResolvedChannelOptions } from './channel-options.js';
import { ChannelReceiver, type ReceivingChannel } from './channel-receiver.js';
import { ReturnPace } from './return-pace.js';
import type { TopologyRecord } from './topology-record.js';
import { Transaction } from './transaction.js';

/** The arguments of the broker's channel.close. */
type Refusal = Omit<NonNullable<Ending['refusal']>, 'behindCall'>;

/** Time in ms for the confirms of sent publishes before their channel is opened anew. */
const RENEWAL_GRACE = 1_000;

/** Time in ms for the broker to close the channel then. A silent broker may answer on another connection. */
const LEAVE_TIMEOUT = 5_000;

/**
 * The broker's side of a channel: its states, what it sends, and its way back after a loss.
 *
 *     opening ──▶ open ◀──────── attach, resume ────────┐
 *                  │ channel.close, link lost           │
 *                  ├──────────────────────────▶ restoring
 *                  │ refused (see Refusals)             ▲
 *                  ├──▶ renewing ─ confirmed, or late ──┘
 *                  │ close()                            │ not to be restored, or attempts spent
 *                  ├──▶ closing ──────▶ closed ◀────────┘
 */
export class ChannelEndpoint
  implements PublisherHost, ReceivingChannel, CalledChannel, ClosingChannel, ConsumingChannel
{
  /** Resolves when the channel is closed for good: with undefined by `close()`, else with the reason. Never rejects. */
  readonly closed: Promise<AmqpError | undefined>;
  readonly clock: Clock;
  readonly random: Random;
  readonly consumers: ConsumerSet;
  readonly rpc: PendingCalls;
  readonly publisher: Publisher;
  /** The settlements of the present generation. */
  settlements: Settlements;
  /** The prefetches, which are set again when the channel opens anew. */
  readonly prefetches = new Prefetches();
  readonly transaction = new Transaction();
  readonly gate: Gate;
  readonly calls = new ChannelCalls(this);
  private readonly returnPace: ReturnPace;
  /** The last loss, until the channel opens anew. */
  private lastLoss: AmqpError | undefined;
  private readonly receiver: ChannelReceiver;
  private readonly broker: BrokerSide;
  private readonly closing: ChannelClosing;
  private readonly end = new Deferred<AmqpError | undefined>();
  private readonly outages = new Outages('channel', this);
  private cancelPlan: (() => void) | undefined;

  private outlivesFirstLoss = true;

  constructor(
    private readonly host: ChannelHost,
    readonly channelOptions: ResolvedChannelOptions,
    readonly report: Report<ChannelEvents>,
    /** The record of declarations that are made again after a loss. */
    readonly topology: TopologyRecord = host.topology,
  ) {
    const { clock, random, rpcTimeout, logger, writeBufferSize } = host.options;
    this.clock = clock;
    this.random = random;
    this.closed = this.end.promise;
    this.gate = new Gate(channelOptions.confirm, topology.names, writeBufferSize, () => host.trouble);
    if (channelOptions.prefetch > 0) this.prefetches.add(new AskedPrefetch(channelOptions.prefetch));
    this.returnPace = new ReturnPace(channelOptions.restoreAttempts, random);
    this.rpc = new PendingCalls(
      (name, args) => this.send(name, args),
      clock,
      rpcTimeout,
      () => this.publisher.confirms.nextTag,
      (underWay) => this.onCommit(underWay),
    );
    this.publisher = new Publisher(this.gate, channelOptions, this);
    this.receiver = new ChannelReceiver(this, host.options);
    this.closing = new ChannelClosing(this, clock, logger);
    this.broker = new BrokerSide(this.receiver, topology, logger);
    this.settlements = this.broker.newSettlements();
    this.consumers = new ConsumerSet(this, host);
  }

  /** The channel number, from 1; 0 until the channel was open once. */
  get id(): number {
    return this.broker.id;
  }

  get atBroker(): BrokerSide['state'] {
    return this.broker.state;
  }

  get current(): ChannelState {
    return this.gate.state;
  }

  private set current(state: ChannelState) {
    this.gate.state = state;
  }

  /** True if the channel can be used now. */
  get isOpen(): boolean {
    return this.current === 'open';
  }

  /** True while an answer to a call, or a confirm, is outstanding. */
  get awaitsBroker(): boolean {
    return this.rpc.waiting || this.publisher.busy;
  }

  get lost(): boolean {
    return this.current === 'restoring' || (this.current === 'opening' && this.lastLoss !== undefined);
  }

  /** True if no call may start on the channel any more. */
  get isOver(): boolean {
    return this.current === 'closing' || this.current === 'closed';
  }

  private get isClosed(): boolean {
    return this.current === 'closed';
  }

  /** ms */
  get rpcTimeout(): number {
    return this.host.options.rpcTimeout;
  }

  get blocked(): string | undefined {
    return this.host.blocked;
  }

  // Publishes may also wait for a channel that was never open.
  get drains(): boolean {
    return this.isOpen || this.current === 'renewing' || (this.current === 'opening' && this.publisher.busy);
  }

  // Opening and restoring.

  get idleId(): number | undefined {
    return this.id > 0 && this.atBroker === 'closed' && !this.isClosed ? this.id : undefined;
  }

  /** Takes a number before the channel opens for the first time. Default: `attach()` allocates one. */
  takeId(id: number): void {
    this.broker.id = id;
  }

  /** Has the broker close the channel, if it is open on the connection's link. */
  async vacate(): Promise<void> {
    if (this.isClosed) throw this.closedError('channel.open');
    const { link } = this.host;
    if (this.broker.link !== undefined && this.broker.link === link && this.atBroker !== 'closed') await this.leave();
  }

  /**
   * Opens the channel on the connection's link, with its QoS and its confirm or transaction mode. It is not open there.
   *
   * @param wait.timeout ms for all steps. Default: `rpcTimeout`
   */
  async attach({ timeout = this.host.options.rpcTimeout, ...wait }: CallOptions = {}): Promise<void> {
    // A listener may have closed the lost channel, and another channel may have its number.
    if (this.current === 'closed') throw this.closedError('channel.open');
    if (this.id === 0) this.broker.id = this.allocated();
    const deadline = new Deadline(this.clock, { ...wait, timeout });
    // The broker may not have closed the channel that has borrowed the number, since it reads nothing while it blocks.
    const { link } = this.host;
    const borrower = this.host.farewellOf(this.id);
    if (borrower) {
      await within(
        borrower,
        this.clock,
        { timeout, ...wait },
        `channel.open: its number was not free within ${timeout} ms`,
      );
      if (this.isClosed || this.host.link !== link) throw this.closedError('channel.open');
    }
    this.gate.lead(link, this.id);
    this.settlements = this.broker.attach(link);
    this.lastLoss = undefined;
    await this.rpc.call('channel.open', {}, deadline.left);
    for (const { prefetchSize, prefetchCount, global } of this.prefetches.latest) {
      await this.rpc.call('basic.qos', { prefetchSize, prefetchCount, global }, deadline.left);
    }
    if (this.gate.confirming) await this.rpc.call('confirm.select', { noWait: false }, deadline.left);
    if (this.transaction.selected) await this.rpc.call('tx.select', {}, deadline.left);
  }

  /**
   * Resolves when the channel is open for the first time. A loss of the connection rejects it, like any pending call.
   *
   * @throws TimeoutError, the signal's reason, what has closed it
   */
  async whenFirstOpen(wait: WaitOptions): Promise<void> {
    this.outlivesFirstLoss = false;
    const late = this.host.link
      ? `channel.open: no answer within ${wait.timeout} ms`
      : `openChannel: the connection was not back within ${wait.timeout} ms`;
    await this.calls.untilOpen(wait, late);
  }

  private allocated(): number {
    try {
      return this.host.allocateId();
    } catch (error) {
      // Later, since whoever creates the channel listens to it afterwards.
      queueMicrotask(() => this.finish(error as AmqpError));
      throw error;
    }
  }

  /** Restores the consumers. From here on the channel is open. */
  async resume(): Promise<void> {
    const restored = this.current === 'restoring';
    await this.consumers.resume();
    if (this.current !== 'opening' && this.current !== 'restoring') return;
    // The channel may have been lost in the turn in which it opened, when no call waited.
    if (this.lastLoss) throw this.lastLoss;
    this.current = 'open';
    this.returnPace.opened(this.clock.now());
    this.calls.begin();
    this.outages.restored();
    if (restored) this.report('restored');
    this.publisher.pump();
  }

  /** Closes the channel gracefully. @param timeout ms; of several calls the earliest deadline counts */
  close(timeout: number): Promise<void> {
    return this.closing.close(timeout);
  }

  async sayGoodbye(): Promise<void> {
    this.current = 'closing';
    this.settlements.flush();
    // Unsettled messages are requeued with the channel.
    this.settlements.end();
    // finish() closes the channel at the broker without waiting.
    if (this.host.blocked !== undefined) return;
    const goodbye = { replyCode: 200, replyText: 'bye', classId: 0, methodId: 0 };
    await this.rpc.call('channel.close', goodbye, { timeout: Infinity }, () => this.onLeft());
  }

  /** Called when the channel is closed for good. */
  finish(error: AmqpError | undefined): void {
    if (this.current === 'closed') return;
    this.current = 'closed';
    this.cancelPlan?.();
    const reason = error ?? new ChannelClosedError(`channel ${this.id} is closed`, 'not-sent');
    this.outages.over(reason);
    this.broker.detach();
    // Before the channel.close of an end at once. A full socket may have kept them for long.
    if (this.atBroker === 'open') this.settlements.flush();
    this.settlements.end();
    this.rpc.abandon(
      error ?? new ChannelClosedError(`channel ${this.id} was closed before the broker had answered`, 'unknown'),
    );
    const early = `channel ${this.id} was closed before the broker had confirmed the publish`;
    this.publisher.onLost({ unknown: new ChannelClosedError(early, 'unknown', { cause: error }), goesOn: false });
    this.consumers.finish(error);
    this.calls.end(reason);
    this.host.release(this);
    if (this.atBroker === 'open') this.broker.state = 'closing';
    this.end.resolve(error);
    this.report('closed', error);
  }

  /** Takes the answer to a call that was pending at the end of the channel, since the record follows the broker. */
  onLateReply(method: Method): void {
    this.rpc.settle(method.name, method);
  }

  endsWithChannel(consumer: Consumer): void {
    this.broker.endsWithChannel(consumer);
  }

  get peer(): BrokerPeer | undefined {
    return this.broker.link?.peer;
  }

  /** The connection's heartbeat interval in seconds; 0 for none. */
  get heartbeat(): number {
    return this.broker.link?.negotiated.heartbeat ?? 0;
  }

  /** Called when the broker has closed the channel or the connection is lost. Its consumers have ended, too. */
  onLeft(): void {
    this.broker.left();
  }

  /** Called when the connection is lost. */
  onLinkLost(error: ConnectionError): void {
    if (this.current === 'closed') return;
    this.onLeft();
    this.lose(error, error, undefined);
  }

  /** Called when the socket has room again or the connection is no longer blocked. */
  onWritable(): void {
    this.publisher.pump();
  }

  closedError(what: string): ChannelClosedError {
    return this.broker.closedError(what);
  }

  private send<N extends MethodName>(name: N, args: MethodArguments<N>): void {
    this.broker.send(name, args);
    // The broker numbers publishes after confirm.select, whenever its answer arrives.
    if (name === 'confirm.select') this.gate.confirming = true;
    if (name === 'tx.select') this.transaction.selected = true;
    // It applies to all later methods.
    if (args instanceof AskedPrefetch) this.prefetches.add(args);
  }

  private onCommit(underWay: boolean): void {
    this.gate.committing = underWay;
    if (underWay) return this.broker.holdSettlements();
    this.broker.releaseSettlements();
    this.publisher.pump();
  }

  // Requests of the publisher.

  findExchange(exchange: string): Promise<void> {
    return this.host.findExchange(exchange);
  }

  renewIn(delay: number): boolean {
    if (!this.channelOptions.restore || this.current !== 'open') return false;
    this.cancelPlan = this.clock.after(delay, () => void this.renew());
    return true;
  }

  // Events of the receiver.

  onFlow(active: boolean): void {
    this.gate.paused = !active;
    if (this.atBroker === 'open') this.send('channel.flowOk', { active });
    this.publisher.pump();
  }

  onCloseByBroker(close: CloseArguments): void {
    this.broker.sendCloseOk();
    // If both sides close the channel, the broker's answer is outstanding, and the number is not free before it.
    if (this.atBroker === 'open') {
      this.onLeft();
      this.broker.detach();
    }
    const error = closeError('channel', close);
    const details = { cause: error, replyCode: error.replyCode, replyText: error.replyText, method: error.method };
    const message = `channel ${this.id} was closed by the broker meanwhile: ${error.message}`;
    const unknown = new ChannelClosedError(message, 'unknown', details);
    const notThere = new ChannelClosedError(message, 'not-sent', details);
    this.lose(error, unknown, { error, notThere });
  }

  // Losses.

  /** Gives the channel up after its sent publishes are confirmed, so that it is restored. */
  private async renew(): Promise<void> {
    if (this.current !== 'open') return;
    this.current = 'renewing';
    this.calls.hold();
    const confirmed = this.publisher.whenConfirmed();
    await within(confirmed, this.clock, { timeout: RENEWAL_GRACE }, 'some are unconfirmed').catch(() => {});
    if (this.current !== 'renewing') return;
    this.settlements.flush();
    const cause = new PublishNackedError('the broker refused the first publishes (basic.nack)');
    const reason = new ChannelClosedError(`channel ${this.id} is opened anew: ${cause.message}`, 'unknown', { cause });
    this.host.options.logger.warn(reason.message);
    this.lose(reason, reason, undefined);
    if (this.lost) this.host.restore(this);
  }

  private async leave(): Promise<void> {
    const { link } = this.broker;
    const left = new Promise<void>((resolve) => this.host.leave(this, resolve));
    this.broker.state = 'closing';
    const wait = { timeout: LEAVE_TIMEOUT };
    const late = `channel.close: no answer within ${wait.timeout} ms`;
    // RabbitMQ does not read from a connection with a hanging channel any more.
    const hangs = (error: unknown): void => link?.fail(error as Error);
    await within(Promise.race([left, this.closed]), this.clock, wait, late).catch(hangs);
    if (this.current === 'closed') throw this.closedError('channel.open');
    this.onLeft();
    // Calls without an answer by now get none.
    this.rpc.fail(this.closedError('channel.open'));
  }

  private lose(error: ConnectionError | ChannelError, unknown: AmqpError, refusal: Refusal | undefined): void {
    const goesOn = this.channelOptions.restore && this.host.restoring && this.current !== 'closing';
    const restoringAlready = this.current === 'restoring';
    const wasOpening = this.current === 'opening';
    if (this.current === 'open') this.calls.hold();
    if (goesOn && !wasOpening) this.current = 'restoring';
    // The loss of a connection is reported once, not by each of its channels.
    if (this.current === 'restoring' && this.broker.link?.alive) this.outages.lost(error);
    this.cancelPlan?.();
    this.lastLoss = error;
    this.transaction.onLost(error);
    this.settlements.end();
    this.receiver.reset();
    this.consumers.suspend(this.broker.link?.alive === true ? 'channel' : 'connection');
    const answersMayCome = refusal === undefined && this.atBroker !== 'closed';
    const behindCall = answersMayCome
      ? this.rpc.abandon(unknown)
      : this.rpc.fail(error, unknown, refusal?.error.method);
    const rejected = this.publisher.onLost({ unknown, goesOn, refusal: refusal && { ...refusal, behindCall } });
    if (wasOpening) {
      // `openChannel()` reports what has become of its channel. Any other new channel is opened again, like a lost one.
      const underWay = this.id !== 0;
      if (!goesOn || (underWay && !this.outlivesFirstLoss)) this.finish(error);
      return;
    }
    this.report('lost', error);
    // A listener may have closed the channel.
    if (this.isClosed) return;
    if (!goesOn) this.finish(error);
    else if (refusal && !restoringAlready) this.comeBack(error, rejected || behindCall !== undefined);
  }

  /**
   * Restores the channel after an error of that channel. @param told true if a call or publish has got the broker's
   * error; then the caller sets the pace
   */
  private comeBack(error: ConnectionError | ChannelError, told: boolean): void {
    if (told) return this.host.restore(this);
    const { delay, line } = this.returnPace.after(error, this.clock.now());
    if (line !== undefined) this.host.options.logger.warn(`channel ${this.id}: ${line}`);
    if (delay === undefined) return this.finish(error);
    if (delay === 0) return this.host.restore(this);
    const { link } = this.broker;
    this.cancelPlan = this.clock.after(delay, () => {
      if (this.lost && this.broker.link === link && link?.alive) this.host.restore(this);
    });
  }
}
