import type { FieldTable } from '../../protocol/field-table.js';
import { Deferred } from '../timing/deferred.js';
import type { DeliverMessage, Delivery } from './delivery.js';
import { diagnostics } from '../diagnostics.js';
import type { AmqpError } from '../errors.js';
import type { CallOptions } from '../link/pending-calls.js';
import { checkDuration } from '../option-checks.js';
import { isThenable } from '../thenable.js';

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
}

/** What a consumer needs of its channel. */
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
 */
export class Consumer {
  /** Resolves when it has ended: with undefined after `cancel()` and `close()`, else with the reason. Never rejects. */
  readonly closed: Promise<AmqpError | undefined>;
  /** As the broker knows it; for a consumer named by the broker, known once `basicConsume` has resolved. */
  consumerTag: string;
  private readonly end = new Deferred<AmqpError | undefined>();
  private readonly concurrency: number;
  private backlog: Delivery[] = [];
  private running = 0;
  /** Bytes of those whose handler runs, where neither acknowledgements nor a prefetch bound them. */
  private runningBytes = 0;
  private unbounded = false;
  /** Being cancelled: nothing more is handled. Requeued before cancel-ok it would come again, and count as delivered. */
  private holding = false;
  private idleWaiters: Deferred<void>[] = [];
  private state: 'active' | 'suspended' | 'ended' = 'suspended';

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

  /** Deliveries whose handler runs, or that wait for one. */
  get inFlight(): number {
    return this.running + this.backlog.length;
  }

  /**
   * Stops deliveries: resolves once the broker has agreed (basic.cancel-ok). Deliveries that no handler has begun are
   * requeued, and so are those that still come; handlers that run go on, `idle()` waits for them.
   */
  async cancel(options: CallOptions = {}): Promise<void> {
    checkDuration('timeout', options.timeout);
    if (this.ended) return;
    // Without acknowledgement there is no way back for what comes: then it is handled after all.
    this.holding = this.options.noAck !== true;
    try {
      await this.host.cancelConsumer(this, options);
      this.finish(undefined);
    } finally {
      this.holding = false;
      while (this.backlog.length > 0 && this.running < this.concurrency) this.run(this.backlog.shift()!);
    }
  }

  /** Resolves when no handler runs. */
  idle(): Promise<void> {
    if (this.inFlight === 0) return Promise.resolve();
    const waiter = new Deferred<void>();
    this.idleWaiters.push(waiter);
    return waiter.promise;
  }

  /** @internal */
  deliver(delivery: Delivery): void {
    if (this.holding || this.running >= this.concurrency) this.backlog.push(delivery);
    else this.run(delivery);
  }

  /** @internal The broker has registered it. */
  activate(consumerTag: string): void {
    this.consumerTag = consumerTag;
    this.state = 'active';
    this.unbounded = this.options.noAck === true || (this.options.prefetch ?? this.host.defaultPrefetch()) === 0;
  }

  /** @internal The channel is lost: what waits was requeued by the broker. */
  suspend(): void {
    if (this.ended) return;
    this.state = 'suspended';
    this.backlog = [];
    this.notifyIdle();
  }

  /** @internal */
  finish(error: AmqpError | undefined): void {
    if (this.ended) return;
    this.state = 'ended';
    this.requeueBacklog();
    this.end.resolve(error);
    this.notifyIdle();
  }

  private requeueBacklog(): void {
    const waiting = this.backlog;
    this.backlog = [];
    for (const delivery of waiting) {
      if (delivery.settled) this.backlog.push(delivery);
      else delivery.nack({ requeue: true });
    }
  }

  private run(delivery: Delivery): void {
    this.running++;
    if (diagnostics.deliver.hasSubscribers) {
      const message: DeliverMessage = { queue: this.queue, delivery };
      diagnostics.deliver.publish(message);
    }
    let result: unknown;
    try {
      result = this.handler(delivery);
    } catch (error) {
      return this.failed(error, delivery);
    }
    if (isThenable(result)) {
      if (this.unbounded) this.runningBytes += delivery.footprint;
      result.then(this.done, (error: unknown) => this.failed(error, delivery));
    } else this.next();
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
    const delivery = this.holding ? undefined : this.backlog.shift();
    if (delivery) this.run(delivery);
    else this.notifyIdle();
  }

  private notifyIdle(): void {
    if (this.inFlight > 0 || this.idleWaiters.length === 0) return;
    for (const waiter of this.idleWaiters.splice(0)) waiter.resolve();
  }
}
