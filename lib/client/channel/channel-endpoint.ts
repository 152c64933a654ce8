import { Buffer } from 'node:buffer';
import { ByteReader } from '../../protocol/bytes.js';
import type { Content } from '../../protocol/content.js';
import { WireError } from '../../protocol/errors.js';
import { ACK, DELIVER, NACK, readDeliver, readDeliveryTag, readMultiple } from '../../protocol/hot-methods.js';
import { readMethod } from '../../protocol/methods.js';
import { DeliverNames } from '../../protocol/name-cache.js';
import { readProperties } from '../../protocol/properties.js';
import type { Method, MethodArguments, MethodName, SynchronousMethod } from '../../protocol/types.js';
import { readUint32 } from '../../protocol/uint.js';
import type { ResolvedChannelOptions } from './channel-options.js';
import type { ChannelEvents } from './channel-events.js';
import type { ChannelHost } from './channel-host.js';
import { Backoff, type Clock, type Random } from '../../environment/index.js';
import type { Message } from '../publishing/confirms.js';
import type { Consumer } from '../consuming/consumer.js';
import { ConsumerSet } from '../consuming/consumer-set.js';
import { Deadline } from '../timing/deadline.js';
import { Deferred, within, type WaitOptions } from '../timing/deferred.js';
import { Delivery, type DeliveryInfo } from '../consuming/delivery.js';
import type { ConnectionError } from '../errors.js';
import {
  ChannelClosedError,
  closeError,
  ConnectionLostError,
  PublishNackedError,
  returnedMessage,
  type AmqpError,
  type ChannelError,
} from '../errors.js';
import { SafeEmitter } from '../safe-emitter.js';
import { IncomingContent, type Announced } from './incoming-content.js';
import type { FrameReceiver, Link } from '../link/link.js';
import { Publisher, type Ending, type Obstacle, type PublisherHost } from '../publishing/publisher.js';
import { PendingCalls, type CallOptions, type Reply } from '../link/pending-calls.js';
import { Settlements } from '../consuming/settlements.js';
import type { TopologyRecord } from './topology-record.js';

/** channel.close from the broker. */
type Refusal = Omit<NonNullable<Ending['refusal']>, 'behindCall'>;

type ChannelState = 'opening' | 'open' | 'renewing' | 'restoring' | 'closing' | 'closed';

/** ms that publishes under way get to be confirmed before their channel is opened anew. */
const RENEWAL_GRACE = 1_000;

/** ms that a channel has to stay open to have been restored with success. */
const STABLE_TIME = 2_000;

/** ms: waits before a channel is restored that has died soon after its last restore. */
const RETURN_DELAY = { first: 50, max: 2_000 } as const;

/** ms that the broker gets to close it then. One that does not may do better on another connection. */
const LEAVE_TIMEOUT = 5_000;

/**
 * The wire's side of a channel: its states, its frames, and its way back after a loss.
 *
 *     opening ──▶ open ◀──────── attach, resume ────────┐
 *                  │ channel.close, link lost           │
 *                  ├──────────────────────────▶ restoring
 *                  │ refused (see Refusals)             ▲
 *                  ├──▶ renewing ─ confirmed, or late ──┘
 *                  │ close()                            │ not to be restored, or attempts spent
 *                  ├──▶ closing ──────▶ closed ◀────────┘
 */
export abstract class ChannelEndpoint extends SafeEmitter<ChannelEvents> implements FrameReceiver, PublisherHost {
  /** Resolves when the channel is closed for good: with undefined by `close()`, else with the reason. Never rejects. */
  readonly closed: Promise<AmqpError | undefined>;
  readonly clock: Clock;
  /** @internal */
  readonly random: Random;
  /** @internal */
  readonly consumers: ConsumerSet;
  protected readonly rpc: PendingCalls;
  protected readonly publisher: Publisher;
  protected settlements: Settlements;
  protected current: ChannelState = 'opening';
  /** Replayed when the channel opens anew. */
  protected readonly qos = new Map<'consumer' | 'channel', number>();
  protected confirmMode: boolean;
  private link: Link | undefined;
  private flowStopped = false;
  /** Clock time, ms. */
  private openSince = -Infinity;
  /** Errors in a row, soon after it was open, that nobody here has caused. */
  private earlyDeaths = 0;
  private readonly backoff: Backoff;
  /** Of the present generation. */
  private lastLoss: AmqpError | undefined;
  /** @internal What the broker knows of it on this link, as far as it was told; `closing`: channel.close is under way. */
  atBroker: 'open' | 'closing' | 'closed' = 'closed';
  /** Consumers that have ended here, and that the broker has until it closes the channel. */
  private readonly endings = new Set<Consumer>();
  private readonly content: IncomingContent;
  private readonly names = new DeliverNames();
  private readonly reader = new ByteReader(Buffer.alloc(0));
  private readonly end = new Deferred<AmqpError | undefined>();
  private opened = new Deferred<void>();
  private cancelPlan: (() => void) | undefined;

  private number = 0;
  private outlivesFirstLoss = true;

  constructor(
    protected readonly host: ChannelHost,
    /** @internal */
    readonly channelOptions: ResolvedChannelOptions,
    /** What is declared here is recorded there, to be declared again. */
    protected readonly topology: TopologyRecord = host.topology,
  ) {
    super();
    const { clock, random, rpcTimeout, maxMessageSize } = host.options;
    this.clock = clock;
    this.random = random;
    this.closed = this.end.promise;
    this.confirmMode = channelOptions.confirm;
    if (channelOptions.prefetch > 0) this.qos.set('consumer', channelOptions.prefetch);
    this.backoff = new Backoff(RETURN_DELAY.first, RETURN_DELAY.max, host.options.random);
    this.rpc = new PendingCalls(
      (name, args) => this.send(name, args),
      clock,
      rpcTimeout,
      () => this.publisher.confirms.nextTag,
    );
    this.publisher = new Publisher(this, channelOptions);
    this.content = new IncomingContent(
      (announced, content, size, header) => this.onContent(announced, content, size, header),
      maxMessageSize,
    );
    this.settlements = this.newSettlements();
    this.consumers = new ConsumerSet({
      call: (name, args, options, onReply) => this.rpc.call(name, args, options, onReply),
      resolveQueue: (queue) => topology.resolve(queue),
      declaredHere: (queue) => topology.hasQueue(queue),
      deletionOf: (queue) => topology.deletionOf(queue),
      started: (consumer) => topology.consumerStarted(consumer.queue, consumer),
      ended: (consumer) => topology.consumerEnded(consumer.queue, consumer),
      endsWithChannel: (consumer) => {
        this.endings.add(consumer);
        if (this.atBroker === 'closed') this.onLeft();
      },
      restoreQueue: (queue) => host.restoreQueue(queue),
      defaultPrefetch: () => this.qos.get('consumer') ?? 0,
      clock,
      random,
      heartbeat: () => this.link?.negotiated.heartbeat ?? 0,
      blocked: () => host.blocked,
      onConsumerWaiting: (consumer, error) => this.report('consumerWaiting', consumer, error),
      onConsumerRestored: (consumer) => this.report('consumerRestored', consumer),
      onConsumerCancelled: (error) => this.report('consumerCancelled', error),
      onHandlerError: (error, delivery) => this.report('handlerError', error, delivery),
      warn: (message) => host.options.logger.warn(`channel ${this.number}: ${message}`),
    });
  }

  /** The channel number, from 1; 0 as long as it was never open. */
  get id(): number {
    return this.number;
  }

  /** Publisher confirms are on. */
  get confirming(): boolean {
    return this.confirmMode;
  }

  /** It can be used now. */
  get isOpen(): boolean {
    return this.current === 'open';
  }

  /** @internal An answer to a call or a confirm is still to come. */
  get awaitsBroker(): boolean {
    return this.rpc.waiting || this.publisher.busy;
  }

  /** @internal */
  get lost(): boolean {
    return this.current === 'restoring';
  }

  private get ended(): boolean {
    return this.current === 'closed';
  }

  // Opening, and coming back.

  /**
   * @internal Opens it on the connection's link, with its QoS and confirm mode; where it is open there still, anew.
   *
   * @param wait.timeout for all of that, ms. Default: `rpcTimeout`
   */
  async attach({ timeout = this.host.options.rpcTimeout, ...wait }: CallOptions = {}): Promise<void> {
    // Whoever heard that it was lost may have closed it: its number is another's by now.
    if (this.current === 'closed') throw this.closedError('channel.open');
    if (this.number === 0) this.number = this.allocated();
    if (this.link !== undefined && this.link === this.host.link && this.atBroker !== 'closed') await this.leave();
    this.link = this.host.link;
    this.link?.register(this.id, this);
    this.settlements = this.newSettlements();
    this.lastLoss = undefined;
    this.flowStopped = false;
    const deadline = new Deadline(this.clock, { ...wait, timeout });
    await this.rpc.call('channel.open', {}, deadline.left);
    for (const [scope, prefetchCount] of this.qos) {
      await this.rpc.call('basic.qos', { prefetchSize: 0, prefetchCount, global: scope === 'channel' }, deadline.left);
    }
    if (this.confirmMode) await this.rpc.call('confirm.select', { noWait: false }, deadline.left);
  }

  /**
   * @internal Resolves when it is open for the first time. While somebody waits here a loss of the connection ends it, as any
   * call under way.
   *
   * @throws TimeoutError, the signal's reason, what has closed it
   */
  async whenFirstOpen(wait: WaitOptions): Promise<void> {
    this.outlivesFirstLoss = false;
    const late = this.host.link
      ? `channel.open: no answer within ${wait.timeout} ms`
      : `openChannel: the connection was not back within ${wait.timeout} ms`;
    await within(this.opened.promise, this.clock, wait, late);
  }

  private allocated(): number {
    try {
      return this.host.allocateId();
    } catch (error) {
      this.finish(error as AmqpError);
      throw error;
    }
  }

  /** @internal Brings the consumers back; from here on it is open. */
  async resume(): Promise<void> {
    const restored = this.current === 'restoring';
    await this.consumers.resume();
    if (this.current !== 'opening' && this.current !== 'restoring') return;
    // It may have been lost in the very turn that it came up, when nothing waited on it.
    if (this.lastLoss) throw this.lastLoss;
    this.current = 'open';
    this.openSince = this.clock.now();
    this.opened.resolve();
    if (restored) this.report('restored');
    this.publisher.pump();
  }

  /** @internal Closed for good. */
  finish(error: AmqpError | undefined): void {
    if (this.current === 'closed') return;
    this.current = 'closed';
    this.cancelPlan?.();
    const reason = error ?? new ChannelClosedError(`channel ${this.id} is closed`, 'not-sent');
    this.link?.unregister(this.id);
    this.settlements.end();
    this.rpc.abandon(error ?? new ChannelClosedError(`channel ${this.id} was closed before the answer`, 'unknown'));
    const early = `channel ${this.id} was closed before the broker had confirmed`;
    this.publisher.onLost({ unknown: new ChannelClosedError(early, 'unknown', { cause: error }), goesOn: false });
    this.consumers.finish(error);
    this.opened.reject(reason);
    this.host.release(this);
    if (this.atBroker === 'open') this.atBroker = 'closing';
    this.end.resolve(error);
    this.report('closed', error);
  }

  /** @internal The answer to a call that was under way when it ended: the record follows the broker. */
  onLateReply(method: Method): void {
    this.rpc.settle(method.name, method);
  }

  /** @internal The broker has closed it, or the connection is lost: so have its consumers. */
  onLeft(): void {
    this.atBroker = 'closed';
    for (const consumer of this.endings) this.topology.consumerEnded(consumer.queue, consumer);
    this.endings.clear();
  }

  /** @internal The connection was lost. */
  onLinkLost(error: ConnectionError): void {
    if (this.current === 'closed') return;
    this.onLeft();
    this.lose(error, error, undefined);
  }

  /** @internal The socket has room again, or the connection is no longer blocked. */
  onWritable(): void {
    this.publisher.pump();
  }

  /** Waits, if need be, until the channel is back. @returns the options, with what is left of the deadline */
  protected async whenOpen<O extends CallOptions>(what: string, options: O): Promise<O> {
    if (this.current === 'closing' || this.current === 'closed') throw this.closedError(what);
    if (this.current === 'open') return options;
    const { timeout = this.host.options.rpcTimeout, signal } = options;
    const deadline = new Deadline(this.clock, { ...options, timeout });
    const late = `${what}: channel ${this.id} was not back within its deadline`;
    await within(this.opened.promise, this.clock, { timeout, signal }, late);
    return deadline.left;
  }

  /** A synchronous method, once the channel is open. */
  protected async call<N extends SynchronousMethod, R = Reply<N>>(
    name: N,
    args: MethodArguments<N>,
    options: CallOptions = {},
    onReply?: (reply: Reply<N>) => R,
  ): Promise<R> {
    const left = this.current === 'open' ? options : await this.whenOpen(name, options);
    return this.rpc.call<N, R>(name, args, left, onReply);
  }

  protected closedError(what: string): ChannelClosedError {
    return new ChannelClosedError(
      `${what}: channel ${this.id} is closed; open another with connection.openChannel()`,
      'not-sent',
    );
  }

  /**
   * Every method that a channel writes, but for publishes and settlements, which end before it closes. Behind
   * channel.close the broker takes nothing but close-ok, and before channel.open nothing at all: it would close the
   * connection (504).
   */
  protected send<N extends MethodName>(name: N, args: MethodArguments<N>): void {
    if (!this.link?.alive)
      throw new ConnectionLostError(`${name}: the connection is lost`, 'not-sent', { method: name });
    if (this.atBroker !== (name === 'channel.open' ? 'closed' : 'open')) throw this.closedError(name);
    const before = this.atBroker;
    if (name === 'channel.open') this.atBroker = 'open';
    if (name === 'channel.close') this.atBroker = 'closing';
    try {
      this.link.send(this.id, name, args);
    } catch (error) {
      this.atBroker = before;
      throw error;
    }
    // The broker numbers what stands behind it, whenever its answer comes.
    if (name === 'confirm.select') this.confirmMode = true;
  }

  // What the publisher asks.

  /** @internal */
  obstacle(): Obstacle | undefined {
    if (this.current !== 'open') return { kind: 'unavailable', reason: `channel ${this.id} is ${this.current}` };
    const { blocked } = this.host;
    if (blocked !== undefined)
      return { kind: 'unavailable', reason: `the broker has blocked the connection: ${blocked}` };
    if (this.flowStopped) return { kind: 'unavailable', reason: 'the broker has paused the channel (channel.flow)' };
    const { transport } = this.link!;
    if (transport.hasRoom(this.host.options.writeBufferSize)) return undefined;
    return { kind: 'busy', reason: `${transport.bufferedBytes} bytes wait for the socket` };
  }

  /** @internal */
  write(message: Message): void {
    const { exchange, routingKey, mandatory, properties, body } = message;
    const key = exchange === '' ? this.topology.resolve(routingKey) : routingKey;
    this.link!.transport.writer.publish(this.id, exchange, key, mandatory, properties, body);
    if (key !== (message.writtenKey ?? routingKey)) message.writtenKey = key;
  }

  /** @internal */
  whenWritten(): Promise<void> {
    return this.link?.transport.whenWritten() ?? Promise.resolve();
  }

  /** @internal */
  renewIn(delay: number): boolean {
    if (!this.channelOptions.restore || this.current !== 'open') return false;
    this.cancelPlan = this.clock.after(delay, () => void this.renew());
    return true;
  }

  // What the link brings.

  /** @internal */
  get midContent(): boolean {
    return !this.content.idle;
  }

  /** @internal */
  onMethod(buffer: Buffer, start: number, end: number): void {
    if (!this.content.idle) throw new WireError('UNEXPECTED_FRAME', 'a method where content was due');
    if (end - start < 4) throw new WireError('SYNTAX_ERROR', 'a truncated method');
    switch (readUint32(buffer, start)) {
      case DELIVER:
        return this.content.expect({ method: 'basic.deliver', args: readDeliver(buffer, start, end, this.names) });
      case ACK: {
        const deliveryTag = readDeliveryTag(buffer, start, end);
        const multiple = readMultiple(buffer, start);
        this.publisher.onAck(deliveryTag, multiple);
        return this.report('ack', deliveryTag, multiple);
      }
      case NACK: {
        const deliveryTag = readDeliveryTag(buffer, start, end);
        const multiple = readMultiple(buffer, start);
        this.publisher.onNack(deliveryTag, multiple);
        return this.report('nack', deliveryTag, multiple);
      }
      default:
        return this.onColdMethod(readMethod(this.reader.over(buffer, start, end)));
    }
  }

  /** @internal */
  onHeader(buffer: Buffer, start: number, end: number, limit: number): void {
    this.content.onHeader(buffer, start, end, limit);
  }

  /** @internal */
  onBody(buffer: Buffer, start: number, end: number): void {
    this.content.onBody(buffer, start, end);
  }

  private onColdMethod(method: Method): void {
    switch (method.name) {
      case 'basic.getOk':
        return this.content.expect({ method: method.name, args: { consumerTag: '', ...method.args } });
      case 'basic.return':
        return this.content.expect({ method: method.name, args: method.args });
      case 'basic.cancel':
        return this.consumers.onCancelled(method.args.consumerTag);
      case 'channel.flow':
        this.flowStopped = !method.args.active;
        if (this.atBroker === 'open') this.send('channel.flowOk', { active: method.args.active });
        return this.publisher.pump();
      case 'channel.close':
        this.link!.send(this.id, 'channel.closeOk', {});
        // Where both sides close it, the broker's answer to ours is still to come: the number is not free before.
        if (this.atBroker === 'open') {
          this.onLeft();
          this.link!.unregister(this.id);
        }
        return this.onClosedByBroker(closeError('channel', method.args) as ChannelError);
      default:
        break;
    }
    if (!this.rpc.settle(method.name, method)) {
      throw new WireError('COMMAND_INVALID', `${method.name}, which nothing here waits for`);
    }
  }

  private onContent({ method, args }: Announced, content: Content | undefined, size: number, header: Content): void {
    switch (method) {
      case 'basic.deliver':
        return this.onDelivery(args, content, size, header);
      case 'basic.return':
        return this.onReturn(args, header, size);
      case 'basic.getOk':
        this.rpc.settle(method, (noAck: boolean) => this.receive(args, content, size, noAck));
    }
  }

  private onDelivery(info: DeliveryInfo, content: Content | undefined, size: number, header: Content): void {
    const consumer = this.consumers.get(info.consumerTag);
    const { onTooLarge, noAck = false } = consumer?.options ?? {};
    if (!content && onTooLarge && !noAck) {
      this.settlements.delivered(info.deliveryTag, noAck);
      this.report('tooLarge', info, size);
      return onTooLarge(new Delivery(info, header, noAck, this.settlements), size, this.host.options.maxMessageSize);
    }
    const delivery = this.receive(info, content, size, consumer?.options.noAck === true);
    if (!delivery) return;
    if (consumer) consumer.deliver(delivery);
    // Sent before the broker knew that nobody waits for it any more.
    else delivery.nack({ requeue: true });
  }

  private receive(
    info: DeliveryInfo,
    content: Content | undefined,
    size: number,
    noAck: boolean,
  ): Delivery | undefined {
    this.settlements.delivered(info.deliveryTag, noAck);
    if (content) return new Delivery(info, content, noAck, this.settlements);
    if (!noAck) this.settlements.nack(info.deliveryTag, false, false);
    const limit = this.host.options.maxMessageSize;
    this.host.options.logger.warn(
      `channel ${this.id}: rejected a message of ${size} bytes; maxMessageSize is ${limit}`,
    );
    this.report('tooLarge', info, size);
    return undefined;
  }

  private onReturn(args: MethodArguments<'basic.return'>, content: Content, bodySize: number): void {
    const properties = readProperties(content.propertiesReader());
    const returned = returnedMessage({ ...args, properties, body: content.body, bodySize });
    // What comes before the answer to confirm.select was published before it, without a promise that waits.
    const waitedFor = !this.rpc.awaits('confirm.select') && this.publisher.onReturn(returned, content.properties);
    if (!waitedFor) this.report('return', returned);
  }

  // Losing it.

  /** Gives it up to have it restored, once what was sent is confirmed. */
  private async renew(): Promise<void> {
    if (this.current !== 'open') return;
    this.current = 'renewing';
    this.opened = new Deferred<void>();
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
    const { link } = this;
    const left = new Promise<void>((resolve) => this.host.leave(this, resolve));
    this.atBroker = 'closing';
    const wait = { timeout: LEAVE_TIMEOUT };
    const late = `channel.close: no answer within ${wait.timeout} ms`;
    // A RabbitMQ channel that hangs takes its connection along: nothing is read from it any more.
    const hangs = (error: unknown): void => link?.fail(error as Error);
    await within(Promise.race([left, this.closed]), this.clock, wait, late).catch(hangs);
    if (this.current === 'closed') throw this.closedError('channel.open');
    this.onLeft();
    // What is not answered by now never is.
    this.rpc.fail(this.closedError('channel.open'));
  }

  private onClosedByBroker(error: ChannelError): void {
    const { id } = this;
    const details = { cause: error, replyCode: error.replyCode, replyText: error.replyText, method: error.method };
    const message = `channel ${id} was closed by the broker meanwhile: ${error.message}`;
    const unknown = new ChannelClosedError(message, 'unknown', details);
    const notThere = new ChannelClosedError(message, 'not-sent', details);
    this.lose(error, unknown, { error, notThere });
  }

  private lose(error: ConnectionError | ChannelError, unknown: AmqpError, refusal: Refusal | undefined): void {
    const goesOn = this.channelOptions.restore && this.host.restoring && this.current !== 'closing';
    const restoringAlready = this.current === 'restoring';
    const wasOpening = this.current === 'opening';
    if (this.current === 'open') this.opened = new Deferred<void>();
    if (goesOn && !wasOpening) this.current = 'restoring';
    this.cancelPlan?.();
    this.lastLoss = error;
    this.settlements.end();
    this.content.reset();
    this.consumers.suspend(this.link?.alive !== true);
    const answersMayCome = refusal === undefined && this.atBroker !== 'closed';
    const behindCall = answersMayCome
      ? this.rpc.abandon(unknown)
      : this.rpc.fail(error, unknown, refusal?.error.method);
    const rejected = this.publisher.onLost({ unknown, goesOn, refusal: refusal && { ...refusal, behindCall } });
    if (wasOpening) {
      // A new channel opens on the next connection; one that the broker refuses would be refused again.
      const underWay = this.number !== 0;
      if (refusal || !goesOn || (underWay && !this.outlivesFirstLoss)) this.finish(error);
      return;
    }
    this.report('lost', error);
    // A listener may have closed it.
    if (this.ended) return;
    if (!goesOn) this.finish(error);
    else if (refusal && !restoringAlready) this.comeBack(error, rejected || behindCall !== undefined);
  }

  /**
   * Restores it after an error of its own. One that dies again and again soon after it has come back waits longer each
   * time, and closes in the end. @param told a call or publish has got the broker's error: then the caller sets the pace
   */
  private comeBack(error: AmqpError, told: boolean): void {
    if (told) return this.host.restore(this);
    if (this.clock.now() - this.openSince >= STABLE_TIME) {
      this.earlyDeaths = 0;
      this.backoff.reset();
    }
    if (this.earlyDeaths++ === 0) return this.host.restore(this);
    if (this.earlyDeaths > this.channelOptions.restoreAttempts) return this.finish(error);
    const { link } = this;
    this.cancelPlan = this.clock.after(this.backoff.next(), () => {
      if (this.lost && this.link === link && link?.alive) this.host.restore(this);
    });
  }

  private newSettlements(): Settlements {
    const { link, id } = this;
    return new Settlements({
      ack: (deliveryTag, multiple) => link?.transport.writer.ack(id, deliveryTag, multiple),
      nack: (deliveryTag, multiple, requeue) => link?.transport.writer.nack(id, deliveryTag, multiple, requeue),
      atFlush: (flush) => link?.transport.atFlush(flush),
      logger: this.host.options.logger,
    });
  }
}
