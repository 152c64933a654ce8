import { showAs } from '../../shown/index.js';
import { copyTable, type FieldTable } from '../../protocol/field-table.js';
import { Deferred } from '../timing/deferred.js';
import { Waiters } from '../timing/waiters.js';
import type { DeliverMessage, Delivery } from './delivery.js';
import { Fifo } from '../fifo.js';
import { diagnostics } from '../diagnostics.js';
import type { AmqpError } from '../errors.js';
import { checkCall, type CallOptions } from '../link/pending-calls.js';
import { refuseAborted } from '../option-checks.js';
import { slotsOf, type HandlerSlots } from './handler-slots.js';
import type { ConsumerReport } from '../survey.js';
import { promiseOf } from '../thenable.js';
import { tracesProcesses } from '../tracing.js';
import { TracedProcess, tracesItself } from './process-trace.js';

/**
 * Called with every delivery of a consumer. An error that it throws or rejects with is emitted as `handlerError` and
 * settles nothing.
 */
export type DeliveryHandler = (delivery: Delivery) => unknown;

/** Options of `basicConsume()` (section 1.8.3.3) and of `consume()`. */
export interface ConsumeOptions extends CallOptions {
  /**
   * The consumer tag, also after a restore. Default: the broker chooses it. A tag that is in use on the channel is a
   * `NotAllowedError`.
   */
  readonly consumerTag?: string;
  /** Deliveries need no acknowledgement, and are lost if the handler fails. Default false. */
  readonly noAck?: boolean;
  /** No other consumer can use the queue. Default false. */
  readonly exclusive?: boolean;
  /** Excludes messages that this connection has published; RabbitMQ ignores it. Default false. */
  readonly noLocal?: boolean;
  /**
   * `x-priority`, `x-stream-offset`, `x-cancel-on-ha-failover`, … A function is called for each registration, also after
   * a loss: so a consumer of a stream continues at its position. Default: none.
   */
  readonly arguments?: FieldTable | (() => FieldTable);
  /**
   * Maximum number of unacknowledged deliveries of this consumer, up to 65,535. 0 or Infinity: no limit. Default: the
   * channel's prefetch when the consumer is registered.
   */
  readonly prefetch?: number;
  /**
   * Maximum number of handlers that run at once, from 1; further deliveries wait. Default and Infinity: only `prefetch`
   * limits them.
   */
  readonly concurrency?: number;
  /**
   * Called when the broker cancels the consumer (https://www.rabbitmq.com/docs/consumer-cancel), because its queue was
   * deleted or moved. With this function the client does nothing else. Without it, the client restores the consumer if
   * its queue can be restored; otherwise the consumer ends with `ConsumerCancelledError`.
   */
  readonly onCancel?: (reason: string) => void;
  /**
   * Called with a message over the connection's `maxMessageSize`. It has its properties and an empty body, and must be
   * settled like any other. Default: the message is rejected. In both cases the channel emits `tooLarge`. An error of
   * the function is emitted as `handlerError`.
   */
  readonly onTooLarge?: (delivery: Delivery, size: number, limit: number) => void;
}

/** The part of a channel that a consumer uses. */
export interface ConsumerHost {
  /** Sends basic.cancel and resolves on cancel-ok. */
  cancelConsumer(consumer: Consumer, options: CallOptions): Promise<void>;
  onHandlerError(error: unknown, delivery: Delivery): void;
}

/**
 * A consumer, across every restore of its channel. Made by `basicConsume()`.
 *
 * @example
 * ```ts
 * const consumer = await channel.basicConsume('billing', handler);
 * const reason = await consumer.closed; // undefined after cancel()
 * ```
 *
 *     active ──(channel lost)──▶ suspended ──(restored)──▶ active
 *        └── cancel(), cancelled by the broker, channel closed ──▶ ended
 *
 * `cancel()` ends a consumer in every state: a suspended consumer ends at once, and a consumer that is lost before the
 * broker's answer has ended.
 */
export class Consumer {
  /**
   * Resolves when the consumer has ended: with undefined after `cancel()` and `close()`, else with the reason. Never
   * rejects.
   */
  readonly closed: Promise<AmqpError | undefined>;
  /** The consumer tag at the broker. A tag that the broker chooses is known once `basicConsume` has resolved. */
  consumerTag: string;
  /**
   * @internal The prefetch of every registration, 0 for no limit: its own, or the channel's at the first basic.consume.
   * undefined before that.
   */
  prefetch: number | undefined;
  private readonly end = new Deferred<AmqpError | undefined>();
  private readonly slots: HandlerSlots;
  private readonly noAck: boolean;
  private readonly backlog = new Fifo<Delivery>();
  private running = 0;
  /** Bytes of the deliveries whose handlers run, if neither acknowledgements nor a prefetch limit them. */
  private runningBytes = 0;
  private unbounded = false;
  /** Number of handlers that wait for the end of the consumer; `idle()` does not wait for them. */
  private excused = 0;
  /** State of the present handler call; `asking` if the handler has asked for the end of its consumer. */
  private calling: 'no' | 'yes' | 'asking' = 'no';
  /** Number of pending `cancel()` calls. */
  private cancelling = 0;
  /** True if nobody takes its deliveries any more. */
  private abandoned = false;
  private begunOnly = false;
  /**
   * True while new deliveries are kept back until cancel-ok. If they were requeued earlier, the broker would deliver them
   * to this consumer again and count another delivery.
   */
  private holding = false;
  private taking = false;
  private readonly untilIdle = new Waiters();
  private state: 'active' | 'suspended' | 'ended' = 'suspended';
  private askedToEnd = false;
  /** True once the broker has registered the consumer for the first time. */
  private registered = false;
  /** The options of `basicConsume`: a copy, since each restore uses them. */
  readonly options: ConsumeOptions;

  constructor(
    /** The name that was given to `basicConsume`. */
    readonly queue: string,
    private readonly handler: DeliveryHandler,
    options: ConsumeOptions,
    private readonly host: ConsumerHost,
  ) {
    const { arguments: table } = options;
    this.options = { ...options, ...(typeof table === 'object' && { arguments: copyTable(table) }) };
    this.closed = this.end.promise;
    this.consumerTag = options.consumerTag ?? '';
    this.prefetch = options.prefetch;
    this.slots = slotsOf(options);
    this.slots.join(this);
    this.noAck = options.noAck === true;
  }

  /** True if the broker has registered the consumer. */
  get active(): boolean {
    return this.state === 'active';
  }

  get ended(): boolean {
    return this.state === 'ended';
  }

  /**
   * @internal Bytes of the waiting deliveries, and of those whose handlers run if nothing else limits them. A prefetch
   * is the user's own limit.
   */
  get heldBytes(): number {
    let bytes = this.runningBytes;
    for (const delivery of this.backlog) bytes += delivery.footprint;
    return bytes;
  }

  /** @internal True if the consumer was asked to end. It is not registered again, whatever the outcome. */
  get leaving(): boolean {
    return this.askedToEnd;
  }

  /** Number of deliveries whose handler runs or that wait for a handler. */
  get inFlight(): number {
    return this.running + this.backlog.size;
  }

  /** Number of deliveries that wait for a handler. */
  get waiting(): number {
    return this.backlog.size;
  }

  /** @internal Its state for a survey; undefined for a consumer of the Nest layer, which tells more. */
  get report(): ConsumerReport | undefined {
    if (tracesItself(this.options)) return undefined;
    const { queue, running, waiting } = this;
    const state = this.active ? 'consuming' : this.registered ? 'recovering' : 'starting';
    return { queue, handler: undefined, state, running, waiting, held: 0 };
  }

  /**
   * Ends the consumer. Resolves when the broker has agreed (basic.cancel-ok), or when the channel is lost and the
   * consumer with it. Waiting and later deliveries are requeued. Running handlers continue; `idle()` waits for them.
   * The consumer is not restored after this call, not even if its deadline passes; in that case, deliveries until the
   * broker's answer are handled.
   *
   * @throws TimeoutError, the signal's reason
   */
  async cancel(options: CallOptions = {}): Promise<void> {
    checkCall('cancel', options);
    if (this.ended) return;
    refuseAborted(options.signal);
    this.askedToEnd = true;
    this.cancelling++;
    this.decideHolding();
    try {
      await this.host.cancelConsumer(this, options);
    } catch (error) {
      // The channel was lost meanwhile, so the consumer has ended.
      if (!this.ended) throw error;
    } finally {
      this.cancelling--;
      this.decideHolding();
      this.takeWaiting();
    }
  }

  /**
   * Starts no more handlers. Deliveries wait until `cancel()`, or until the channel closes and the broker requeues them
   * in order.
   */
  hold(): void {
    this.begunOnly = true;
    this.decideHolding();
    this.notifyIdle();
  }

  /**
   * @internal Called when its channel closes. The consumer is not registered again, even if the channel is lost before.
   */
  leave(): void {
    this.askedToEnd = true;
  }

  /** @internal True after `hold()`. */
  get heldBack(): boolean {
    return this.begunOnly && !this.noAck;
  }

  /** @internal Called when nobody takes its deliveries any more, not even those without acknowledgement. */
  abandon(): void {
    this.abandoned = true;
    this.decideHolding();
    if (this.noAck) this.backlog.drain();
  }

  /** @internal True if a handler runs for which `idle()` would wait. */
  get busy(): boolean {
    return !this.isIdle;
  }

  /** Resolves when no handler runs. */
  idle(): Promise<void> {
    return this.isIdle ? Promise.resolve() : this.untilIdle.wait();
  }

  /**
   * @internal Records that the present handler call has asked for the end. `idle()` does not wait for this handler,
   * since the handler waits.
   */
  excuseCaller(): void {
    if (this.calling !== 'yes') return;
    this.calling = 'asking';
    this.excused++;
    this.notifyIdle();
  }

  /** @internal */
  deliver(delivery: Delivery): void {
    if (this.holding || this.slots.full || this.backlog.size > 0) this.keep(delivery);
    else this.run(delivery);
  }

  /**
   * @internal Handles a message over the limit, with an empty body. It neither counts as a handler nor waits for one.
   */
  deliverTooLarge(delivery: Delivery, size: number, limit: number): void {
    try {
      const result: unknown = this.options.onTooLarge?.(delivery, size, limit);
      promiseOf(result)?.catch((error: unknown) => this.host.onHandlerError(error, delivery));
    } catch (error) {
      this.host.onHandlerError(error, delivery);
    }
  }

  /** @internal Called when the broker has registered the consumer. */
  activate(consumerTag: string): void {
    this.consumerTag = consumerTag;
    this.state = 'active';
    this.registered = true;
    this.unbounded = this.options.noAck === true || this.prefetch === 0;
  }

  /** @internal Called when the channel is lost or the broker has cancelled the consumer. It may be registered again. */
  suspend(): void {
    // The broker has requeued the waiting deliveries. Deliveries without acknowledgement exist only here, so they are
    // handled.
    if (!this.noAck) this.backlog.drain();
    if (!this.ended) this.state = 'suspended';
    this.notifyIdle();
  }

  /** @internal */
  finish(error: AmqpError | undefined): void {
    if (this.ended) return;
    this.state = 'ended';
    this.giveBack();
    this.end.resolve(this.askedToEnd ? undefined : error);
    this.notifyIdle();
  }

  /**
   * @internal Requeues the waiting deliveries. Deliveries without acknowledgement cannot be requeued, so they are
   * handled.
   */
  giveBack(): void {
    if (this.noAck) return;
    for (const delivery of this.backlog.drain()) delivery.nack({ requeue: true });
  }

  private get isIdle(): boolean {
    return (this.heldBack ? this.running : this.inFlight) === this.excused;
  }

  private keep(delivery: Delivery): void {
    if (!this.abandoned || !this.noAck) this.backlog.push(delivery);
  }

  private decideHolding(): void {
    // Deliveries without acknowledgement cannot be requeued, so they are handled after all.
    this.holding = this.abandoned || this.heldBack || (this.cancelling > 0 && !this.noAck);
  }

  private run(delivery: Delivery): void {
    this.running++;
    this.slots.take();
    if (diagnostics.deliver.hasSubscribers) {
      const message: DeliverMessage = { queue: this.queue, delivery };
      diagnostics.deliver.publish(message);
    }
    const outer = this.calling;
    this.calling = 'yes';
    let result: unknown;
    let over: Promise<unknown> | undefined;
    let asked: boolean;
    try {
      result = tracesProcesses() ? this.traced(delivery) : this.handler(delivery);
      over = promiseOf(result);
      asked = this.endCall(outer);
    } catch (error) {
      if (this.endCall(outer)) this.excused--;
      return this.failed(error, delivery);
    }
    if (asked) over = this.untilOver(result);
    if (over) {
      if (this.unbounded) this.runningBytes += delivery.footprint;
      over.then(this.done, (error: unknown) => this.failed(error, delivery));
    } else this.next();
  }

  private traced(delivery: Delivery): unknown {
    if (tracesItself(this.options)) return this.handler(delivery);
    const process = new TracedProcess(this.queue, [delivery]);
    const failed = (error: unknown): never => {
      process.fail(error);
      throw error;
    };
    let over: Promise<unknown> | undefined;
    try {
      over = promiseOf(process.run(() => this.handler(delivery)));
    } catch (error) {
      return failed(error);
    }
    if (over) return over.then(() => process.succeed(), failed);
    process.succeed();
    return undefined;
  }

  /** Ends a handler call. Returns true if the handler has asked for the end of its consumer in this call. */
  private endCall(outer: typeof this.calling): boolean {
    const asked = this.calling === 'asking';
    this.calling = outer;
    return asked;
  }

  private async untilOver(result: unknown): Promise<void> {
    try {
      await result;
    } finally {
      this.excused--;
    }
  }

  /** One function for all deliveries. */
  private readonly done = (): void => this.next();

  private failed(error: unknown, delivery: Delivery): void {
    this.host.onHandlerError(error, delivery);
    this.next();
  }

  private next(): void {
    // The average size, so that no size is stored for each delivery. The sum is 0 when no handler runs.
    if (this.runningBytes > 0) this.runningBytes -= this.runningBytes / this.running;
    this.running--;
    this.slots.free();
    if (this.backlog.size > 0) this.takeWaiting();
    else this.notifyIdle();
    this.slots.pass(this);
  }

  /**
   * @internal Starts handlers for waiting deliveries. A loop, since synchronous handlers would otherwise nest as deep as the
   * number of deliveries.
   */
  takeWaiting(): void {
    if (this.taking) return;
    this.taking = true;
    try {
      while (!this.holding && !this.slots.full) {
        const delivery = this.backlog.shift();
        if (!delivery) break;
        this.run(delivery);
      }
    } finally {
      this.taking = false;
    }
    this.notifyIdle();
  }

  private notifyIdle(): void {
    if (this.untilIdle.any && this.isIdle) this.untilIdle.release();
  }
}

showAs(Consumer, ({ queue, consumerTag, active, ended, inFlight }) => ({
  queue,
  consumerTag,
  active,
  ended,
  inFlight,
}));
