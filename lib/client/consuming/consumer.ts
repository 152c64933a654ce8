import { showAs } from '../../shown/index.js';
import type { FieldTable } from '../../protocol/field-table.js';
import { Deferred } from '../timing/deferred.js';
import { Waiters } from '../timing/waiters.js';
import type { DeliverMessage, Delivery } from './delivery.js';
import { Fifo } from '../fifo.js';
import { diagnostics } from '../diagnostics.js';
import type { AmqpError } from '../errors.js';
import type { CallOptions } from '../link/pending-calls.js';
import { checkDuration } from '../option-checks.js';
import { promiseOf } from '../thenable.js';
import { tracing } from '../tracing.js';
import { TracedProcess, tracesItself } from './process-trace.js';

/** Gets every delivery of a consumer. What it throws, or rejects with, is reported as `handlerError`; it settles nothing. */
export type DeliveryHandler = (delivery: Delivery) => unknown;

export interface ConsumeOptions extends CallOptions {
  /** Default: the broker names it. Kept across restores. */
  readonly consumerTag?: string;
  /** Deliveries need no acknowledgement, and are lost when the handler fails. Default false. */
  readonly noAck?: boolean;
  /** No other consumer on the queue. Default false. */
  readonly exclusive?: boolean;
  /** Not what this connection published; RabbitMQ ignores it. Default false. */
  readonly noLocal?: boolean;
  /** `x-priority`, `x-stream-offset`, `x-cancel-on-ha-failover`, … */
  readonly arguments?: FieldTable;
  /** Unacknowledged deliveries at most, for this consumer; over the channel's; up to 65,535. 0 or Infinity: no limit. */
  readonly prefetch?: number;
  /** Handlers that run at once, at most, from 1; further deliveries wait. Default, or Infinity: no limit but the prefetch. */
  readonly concurrency?: number;
  /**
   * The broker cancelled the consumer (https://www.rabbitmq.com/docs/consumer-cancel): its queue was deleted or moved.
   * With it, this is all that happens. Without, the consumer is restored where its queue can be, and else ends with
   * `ConsumerCancelledError`.
   */
  readonly onCancel?: (reason: string) => void;
  /**
   * Gets a message over the connection's `maxMessageSize`: with its properties and an empty body, to be settled like any
   * other. Default: it is rejected. The channel tells of it as `tooLarge` in either case. What the function throws, or
   * rejects with, is reported as `handlerError`.
   */
  readonly onTooLarge?: (delivery: Delivery, size: number, limit: number) => void;
}

/** The part of a channel that a consumer uses. */
export interface ConsumerHost {
  /** basic.cancel, and resolves on cancel-ok. */
  cancelConsumer(consumer: Consumer, options: CallOptions): Promise<void>;
  onHandlerError(error: unknown, delivery: Delivery): void;
  /** The channel's prefetch, for a consumer without its own. */
  defaultPrefetch(): number;
}

/**
 * A consumer, across every restore of its channel.
 *
 *     active ──(channel lost)──▶ suspended ──(restored)──▶ active
 *        └── cancel(), cancelled by the broker, channel closed ──▶ ended
 *
 * An end that was asked for is an end in every state: `cancel()` of a suspended consumer ends it at once, and one that is
 * lost before the broker has answered has ended.
 */
export class Consumer {
  /** Resolves when it has ended: with undefined after `cancel()` and `close()`, else with the reason. Never rejects. */
  readonly closed: Promise<AmqpError | undefined>;
  /** As the broker knows it; for a consumer named by the broker, known once `basicConsume` has resolved. */
  consumerTag: string;
  private readonly end = new Deferred<AmqpError | undefined>();
  private readonly concurrency: number;
  private readonly noAck: boolean;
  private readonly backlog = new Fifo<Delivery>();
  private running = 0;
  /** Bytes of those whose handler runs, where neither acknowledgements nor a prefetch bound them. */
  private runningBytes = 0;
  private unbounded = false;
  /** Handlers that wait for the end themselves: `idle()` does not wait for them. */
  private excused = 0;
  /** The handler is in its call; `asking`: and it has asked for the end. */
  private calling: 'no' | 'yes' | 'asking' = 'no';
  /** `cancel()` calls under way. */
  private cancelling = 0;
  /** Nobody is left who would take its deliveries. */
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

  constructor(
    /** As it was given to `basicConsume`. */
    readonly queue: string,
    private readonly handler: DeliveryHandler,
    readonly options: ConsumeOptions,
    private readonly host: ConsumerHost,
  ) {
    this.closed = this.end.promise;
    this.consumerTag = options.consumerTag ?? '';
    this.concurrency = options.concurrency ?? Infinity;
    this.noAck = options.noAck === true;
  }

  /** It is registered with the broker. */
  get active(): boolean {
    return this.state === 'active';
  }

  get ended(): boolean {
    return this.state === 'ended';
  }

  /**
   * @internal Bytes of the deliveries that wait, and of those whose handler runs where nothing else bounds these: a
   * prefetch is the user's own bound.
   */
  get heldBytes(): number {
    let bytes = this.runningBytes;
    for (const delivery of this.backlog) bytes += delivery.footprint;
    return bytes;
  }

  /** @internal It was asked to end: it is not registered again, whatever the outcome. */
  get leaving(): boolean {
    return this.askedToEnd;
  }

  /** Deliveries whose handler runs, or that wait for one. */
  get inFlight(): number {
    return this.running + this.backlog.size;
  }

  /** Deliveries that wait for a handler. */
  get waiting(): number {
    return this.backlog.size;
  }

  /**
   * Stops deliveries: resolves once the broker has agreed (basic.cancel-ok), or once the channel is lost and the consumer
   * with it. Deliveries that no handler has begun are requeued, and so are those that still come; handlers that run go
   * on, `idle()` waits for them. From here on it is not restored: not after a deadline that has passed either, when what
   * comes until the broker's answer is handled.
   *
   * @throws TimeoutError, the signal's reason
   */
  async cancel(options: CallOptions = {}): Promise<void> {
    checkDuration('timeout', options.timeout);
    if (this.ended) return;
    options.signal?.throwIfAborted();
    this.askedToEnd = true;
    this.cancelling++;
    this.decideHolding();
    try {
      await this.host.cancelConsumer(this, options);
    } catch (error) {
      // Lost meanwhile, and so it has ended.
      if (!this.ended) throw error;
    } finally {
      this.cancelling--;
      this.decideHolding();
      this.takeWaiting();
    }
  }

  /** Begins no more handlers: deliveries wait until `cancel()`, or until the channel closes and the broker requeues them in order. */
  hold(): void {
    this.begunOnly = true;
    this.decideHolding();
    this.notifyIdle();
  }

  /** @internal Its channel closes: it is not registered again, also when that channel is lost before. */
  leave(): void {
    this.askedToEnd = true;
  }

  /** @internal After `hold()`. */
  get heldBack(): boolean {
    return this.begunOnly && !this.noAck;
  }

  /** @internal Nobody takes its deliveries any more, not even those that come without acknowledgement. */
  abandon(): void {
    this.abandoned = true;
    this.decideHolding();
    if (this.noAck) this.backlog.drain();
  }

  /** @internal A handler runs that `idle()` would wait for. */
  get busy(): boolean {
    return !this.isIdle;
  }

  /** Resolves when no handler runs. */
  idle(): Promise<void> {
    return this.isIdle ? Promise.resolve() : this.untilIdle.wait();
  }

  /** @internal Whoever asks for the end from within a handler's call is not waited for: it waits itself. */
  excuseCaller(): void {
    if (this.calling !== 'yes') return;
    this.calling = 'asking';
    this.excused++;
    this.notifyIdle();
  }

  /** @internal */
  deliver(delivery: Delivery): void {
    if (this.holding || this.running >= this.concurrency || this.backlog.size > 0) this.keep(delivery);
    else this.run(delivery);
  }

  /** @internal A message over the limit, with an empty body. It takes no handler's place, and waits for none. */
  deliverTooLarge(delivery: Delivery, size: number, limit: number): void {
    try {
      const result: unknown = this.options.onTooLarge?.(delivery, size, limit);
      promiseOf(result)?.catch((error: unknown) => this.host.onHandlerError(error, delivery));
    } catch (error) {
      this.host.onHandlerError(error, delivery);
    }
  }

  /** @internal The broker has registered it. */
  activate(consumerTag: string): void {
    this.consumerTag = consumerTag;
    this.state = 'active';
    this.unbounded = this.options.noAck === true || (this.options.prefetch ?? this.host.defaultPrefetch()) === 0;
  }

  /** @internal The channel is lost, or the broker has cancelled it: it may be registered again. */
  suspend(): void {
    // The broker has requeued what waits; what came without acknowledgement is nowhere but here, and is handled.
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

  /** @internal What waits goes back to its queue; what came without acknowledgement has no way back, and is handled. */
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
    // Without acknowledgement there is no way back for what comes: then it is handled after all.
    this.holding = this.abandoned || this.heldBack || (this.cancelling > 0 && !this.noAck);
  }

  private run(delivery: Delivery): void {
    this.running++;
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
      result = tracing.process.hasSubscribers ? this.traced(delivery) : this.handler(delivery);
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

  /** The same for all deliveries. */
  private readonly done = (): void => this.next();

  private failed(error: unknown, delivery: Delivery): void {
    this.host.onHandlerError(error, delivery);
    this.next();
  }

  private next(): void {
    // Their average, so that nothing need be kept for each; none is left when no handler runs.
    if (this.runningBytes > 0) this.runningBytes -= this.runningBytes / this.running;
    this.running--;
    if (this.backlog.size > 0) this.takeWaiting();
    else this.notifyIdle();
  }

  /** A loop: handlers that end within their call would else nest as deep as there are deliveries. */
  private takeWaiting(): void {
    if (this.taking) return;
    this.taking = true;
    try {
      while (!this.holding && this.running < this.concurrency) {
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
