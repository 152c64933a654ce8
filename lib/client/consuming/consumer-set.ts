import type { MethodArguments, SynchronousMethod } from '../../protocol/types.js';
import { Consumer, type ConsumeOptions, type ConsumerHost, type DeliveryHandler } from './consumer.js';
import type { Delivery } from './delivery.js';
import {
  AccessRefusedError,
  ChannelError,
  ConsumerCancelledError,
  NotAllowedError,
  NotFoundError,
  ResourceLockedError,
  TimeoutError,
  type AmqpError,
} from '../errors.js';
import { textOf } from '../text-of.js';
import type { CallOptions, Reply } from '../link/pending-calls.js';

/** What the consumers need of their channel. */
export interface ConsumerSetHost {
  call<N extends SynchronousMethod>(
    name: N,
    args: MethodArguments<N>,
    options?: CallOptions,
    onReply?: (reply: Reply<N>) => Reply<N>,
  ): Promise<Reply<N>>;
  /** What the broker calls the queue now. */
  resolveQueue(queue: string): string;
  /** The queue is on record: it can be declared again. */
  declaredHere(queue: string): boolean;
  /** Whether a queue.delete of ours that is under way succeeds; undefined when none is. */
  deletionOf(queue: string): Promise<boolean> | undefined;
  /** The broker has it registered. */
  started(consumer: Consumer): void;
  /** It does not come back. */
  ended(consumer: Consumer): void;
  /** Makes sure that the queue is there. @throws ChannelError */
  restoreQueue(queue: string): Promise<void>;
  /** The channel's prefetch for consumers without their own. */
  defaultPrefetch(): number;
  /** A consumer was cancelled by the broker, and could not be restored. */
  onConsumerCancelled(error: ConsumerCancelledError): void;
  /** A delivery handler threw, or rejected; the delivery is left unsettled. */
  onHandlerError(error: unknown, delivery: Delivery): void;
  warn(message: string): void;
}

/** The consumers of one channel: registered, cancelled, suspended with the channel and resumed with it. */
export class ConsumerSet implements ConsumerHost {
  private readonly byTag = new Map<string, Consumer>();
  private readonly all = new Set<Consumer>();
  /** basic.consume is under way: a consumer that the broker cancelled may come back together with its channel. */
  private readonly starting = new Set<Consumer>();

  constructor(private readonly host: ConsumerSetHost) {}

  get(consumerTag: string): Consumer | undefined {
    return this.byTag.get(consumerTag);
  }

  /** Of deliveries that came and that no handler is done with, in bytes; see `Consumer.heldBytes`. */
  get heldBytes(): number {
    let bytes = 0;
    for (const consumer of this.all) bytes += consumer.heldBytes;
    return bytes;
  }

  list(): readonly Consumer[] {
    return [...this.all];
  }

  /** basic.consume, and basic.qos before it where the consumer has a prefetch of its own. */
  async add(queue: string, handler: DeliveryHandler, options: ConsumeOptions): Promise<Consumer> {
    const consumer = new Consumer(queue, handler, options, this);
    this.all.add(consumer);
    try {
      await this.start(consumer, options);
      return consumer;
    } catch (error) {
      this.remove(consumer, undefined);
      throw error;
    }
  }

  async cancelConsumer(consumer: Consumer, options: CallOptions): Promise<void> {
    // Not registered: there is nothing to agree on. If basic.consume is under way, its answer finds a consumer that has ended.
    if (!consumer.active) return this.remove(consumer, undefined);
    await this.cancelAt(consumer.consumerTag, options, () => this.remove(consumer, undefined));
  }

  /** Whoever calls from within a handler waits for the end itself. */
  excuseCaller(): void {
    for (const consumer of this.all) consumer.excuseCaller();
  }

  defaultPrefetch(): number {
    return this.host.defaultPrefetch();
  }

  onHandlerError(error: unknown, delivery: Delivery): void {
    this.host.warn(`a delivery handler failed; delivery ${delivery.deliveryTag} is left unsettled: ${textOf(error)}`);
    this.host.onHandlerError(error, delivery);
  }

  /** basic.cancel from the broker. */
  onCancelled(consumerTag: string): void {
    const consumer = this.byTag.get(consumerTag);
    if (!consumer) return;
    this.byTag.delete(consumerTag);
    if (consumer.ended) return consumer.giveBack();
    if (consumer.leaving) return this.remove(consumer, undefined);
    const { queue } = consumer;
    const reason = `the broker cancelled consumer '${consumerTag}' of queue '${queue}': the queue was deleted or has moved`;
    const { onCancel } = consumer.options;
    if (onCancel) {
      this.remove(consumer, new ConsumerCancelledError(reason, queue, consumerTag));
      queueMicrotask(() => onCancel(reason));
      return;
    }
    this.host.warn(reason);
    consumer.giveBack();
    consumer.suspend();
    void this.startAgain(consumer, reason);
  }

  suspend(): void {
    const here = new Set([...this.all, ...this.byTag.values()]);
    this.byTag.clear();
    for (const consumer of here) {
      consumer.suspend();
      if (consumer.leaving) this.remove(consumer, undefined);
    }
  }

  /**
   * Registers again whatever is suspended.
   *
   * @param patient a consumer that is locked out for now is kept, for another attempt
   * @throws ChannelError when the broker refuses one: that one has ended, and the channel must open anew for the others
   */
  async resume(patient: boolean): Promise<void> {
    for (const consumer of this.all) {
      if (consumer.active || consumer.ended || this.starting.has(consumer)) continue;
      try {
        await this.start(consumer, {});
      } catch (error) {
        const refused = error instanceof ChannelError && error.method === 'basic.consume';
        const waits = refused && (patient || error instanceof ResourceLockedError) && this.mayPass(consumer, error);
        if (refused && !waits) this.cancelled(consumer, `consumer of queue '${consumer.queue}'`, error);
        throw error;
      }
    }
  }

  finish(error: AmqpError | undefined): void {
    for (const consumer of this.all) this.remove(consumer, error);
  }

  private async start(consumer: Consumer, wait: CallOptions): Promise<void> {
    const { queue, options } = consumer;
    const { timeout, signal } = wait;
    const limits = { ...(timeout === undefined ? {} : { timeout }), ...(signal === undefined ? {} : { signal }) };
    const own = options.prefetch !== undefined;
    // RabbitMQ applies a prefetch to the consumers that follow: set, consume and set back leave in one piece.
    const qos = own ? this.setPrefetch(options.prefetch!, limits) : undefined;
    const consume = this.host.call(
      'basic.consume',
      {
        queue: this.host.resolveQueue(queue),
        consumerTag: consumer.consumerTag,
        noLocal: options.noLocal === true,
        noAck: options.noAck === true,
        exclusive: options.exclusive === true,
        noWait: false,
        arguments: options.arguments ?? {},
      },
      limits,
      (reply) => {
        this.onConsumeOk(consumer, reply.args.consumerTag);
        return reply;
      },
    );
    const back = own ? this.setPrefetch(this.host.defaultPrefetch(), limits) : undefined;
    this.starting.add(consumer);
    const [consumed] = await Promise.allSettled([consume, qos, back]);
    this.starting.delete(consumer);
    if (consumed.status === 'rejected') throw consumed.reason;
    await qos;
  }

  /** At once, for deliveries may stand right behind consume-ok. */
  private onConsumeOk(consumer: Consumer, consumerTag: string): void {
    if (consumer.ended) {
      // Its caller had stopped waiting. What comes until cancel-ok is its own still: held, or dropped without acknowledgement.
      this.byTag.set(consumerTag, consumer);
      consumer.abandon();
      const cancelled = (): void => {
        this.byTag.delete(consumerTag);
        consumer.giveBack();
      };
      void this.cancelAt(consumerTag, {}, cancelled).catch(() => {});
      return;
    }
    this.byTag.set(consumerTag, consumer);
    consumer.activate(consumerTag);
    this.host.started(consumer);
  }

  /** basic.cancel. @param agreed runs in the moment that cancel-ok is read, also when nobody waits for it any more */
  private cancelAt(consumerTag: string, options: CallOptions, agreed: () => void): Promise<unknown> {
    return this.host.call('basic.cancel', { consumerTag, noWait: false }, options, (reply) => {
      agreed();
      return reply;
    });
  }

  private setPrefetch(prefetchCount: number, wait: CallOptions): Promise<unknown> {
    return this.host.call('basic.qos', { prefetchSize: 0, prefetchCount, global: false }, wait);
  }

  private async startAgain(consumer: Consumer, reason: string): Promise<void> {
    if (await this.host.deletionOf(consumer.queue)) return this.cancelled(consumer, reason);
    try {
      // On a channel of its own: were the queue gone for good, the error would take this one along.
      await this.host.restoreQueue(consumer.queue);
      const done = consumer.ended || consumer.active || this.starting.has(consumer);
      if (!done) await this.start(consumer, {});
    } catch (error) {
      // No channel to look on, or no answer there: this one goes on, without the consumer.
      if (error instanceof NotAllowedError || error instanceof TimeoutError)
        return this.cancelled(consumer, reason, error);
      // A channel or connection that was lost meanwhile brings the consumer back with itself.
      if (!(error instanceof ChannelError) || error.method === undefined) return;
      if (error.method === 'basic.consume' && this.mayPass(consumer, error)) return;
      this.cancelled(consumer, reason, error);
    }
  }

  private cancelled(consumer: Consumer, reason: string, cause?: AmqpError): void {
    if (consumer.ended) return;
    const message = cause ? `${reason}; it could not be restored: ${cause.message}` : reason;
    const error = new ConsumerCancelledError(message, consumer.queue, consumer.consumerTag, cause);
    this.host.warn(message);
    this.remove(consumer, error);
    this.host.onConsumerCancelled(error);
  }

  /**
   * The old connection holds exclusive queues and consumers until the broker notices that it is dead; and what was
   * locked when it was to be declared again may be gone when it is consumed.
   */
  private mayPass({ options, queue }: Consumer, error: ChannelError): boolean {
    if (error instanceof NotFoundError) return this.host.declaredHere(queue);
    return error.recoverable || (options.exclusive === true && error instanceof AccessRefusedError);
  }

  private remove(consumer: Consumer, error: AmqpError | undefined): void {
    // The tag may be another's: of one that was there before, and stays.
    if (this.byTag.get(consumer.consumerTag) === consumer) this.byTag.delete(consumer.consumerTag);
    this.all.delete(consumer);
    this.host.ended(consumer);
    consumer.finish(error);
  }
}
