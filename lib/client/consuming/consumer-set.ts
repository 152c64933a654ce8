import { EncodingError } from '../../protocol/errors.js';
import type { FieldTable } from '../../protocol/field-table.js';
import { pause } from '../../environment/index.js';
import { Consumer, type ConsumeOptions, type ConsumerHost, type DeliveryHandler } from './consumer.js';
import type { Delivery } from './delivery.js';
import {
  AccessRefusedError,
  ChannelError,
  ConnectionClosedError,
  ConnectionLostError,
  ConsumerCancelledError,
  NotAllowedError,
  TimeoutError,
  type AmqpError,
} from '../errors.js';
import { isRefusalOf } from '../refusal.js';
import { textOf } from '../text-of.js';
import type { CallOptions } from '../link/pending-calls.js';
import { Deferred } from '../timing/deferred.js';
import type { Survey } from '../survey.js';
import type { ConsumingChannel, ConsumingConnection } from './consumer-set-host.js';
import { WaitingConsumers } from './waiting-consumers.js';

/** The consumers of one channel: registered, cancelled, suspended with the channel and resumed with it. */
export class ConsumerSet implements ConsumerHost {
  private readonly byTag = new Map<string, Consumer>();
  private readonly all = new Set<Consumer>();
  /**
   * Consumers whose basic.consume is pending. A consumer that the broker has cancelled may be restored together with
   * its channel.
   */
  private readonly starting = new Set<Consumer>();
  /** Consumers that were added before their channel was open, with their callers, who wait until it is. */
  private readonly early = new Map<Consumer, Deferred<never>>();
  private readonly waiting: WaitingConsumers;
  /** Consumers that are restored independently of their channel, in its present generation. */
  private readonly returning = new Set<Consumer>();
  private generation = new AbortController();
  /** See `leaveUnheard()`: deliveries for unknown consumers stay unsettled. */
  leftUnheard = false;

  constructor(
    private readonly channel: ConsumingChannel,
    private readonly connection: ConsumingConnection,
  ) {
    this.waiting = new WaitingConsumers(channel, connection);
  }

  get(consumerTag: string): Consumer | undefined {
    return this.byTag.get(consumerTag);
  }

  /** Bytes of deliveries whose handlers have not finished; see `Consumer.heldBytes`. */
  get heldBytes(): number {
    let bytes = 0;
    for (const consumer of this.all) bytes += consumer.heldBytes;
    return bytes;
  }

  /** Answers for the consumers of the client; those of the Nest layer answer themselves. */
  answer(survey: Survey): void {
    for (const { report } of this.all) if (report) survey.consumer(report);
  }

  list(): readonly Consumer[] {
    return [...this.all];
  }

  /** Sends basic.consume, and basic.qos before it if the consumer's prefetch differs from the channel's. */
  async add(queue: string, handler: DeliveryHandler, options: ConsumeOptions): Promise<Consumer> {
    const consumer = this.newConsumer(queue, handler, options);
    try {
      await this.start(consumer, options);
      return consumer;
    } catch (error) {
      this.remove(consumer, undefined);
      throw error;
    }
  }

  /**
   * Adds a consumer before its channel is open. It is registered when the channel opens, before the first publish
   * there. @param opened resolves when the channel is open
   */
  async addEarly(
    queue: string,
    handler: DeliveryHandler,
    options: ConsumeOptions,
    opened: Promise<unknown>,
  ): Promise<Consumer> {
    const consumer = this.newConsumer(queue, handler, options);
    consumer.prefetch ??= this.channel.prefetches.ofNewConsumers;
    const refusal = new Deferred<never>();
    this.early.set(consumer, refusal);
    try {
      await Promise.race([opened, refusal.promise]);
      return consumer;
    } catch (error) {
      if (consumer.active) {
        // The broker has registered it while its caller stopped waiting.
        consumer.abandon();
        consumer.cancel({ timeout: Infinity }).catch(() => {});
      } else this.remove(consumer, undefined);
      throw error;
    } finally {
      this.early.delete(consumer);
    }
  }

  /** @throws NotAllowedError for a tag that is in use: the broker would close the connection for it */
  private newConsumer(queue: string, handler: DeliveryHandler, options: ConsumeOptions): Consumer {
    const { consumerTag } = options;
    if (consumerTag !== undefined && consumerTag !== '' && this.hasTag(consumerTag)) {
      const message = `basicConsume: consumer tag '${consumerTag}' is in use on channel ${this.channel.id}; cancel that consumer before, or leave the tag out`;
      throw new NotAllowedError(message, { scope: 'channel' });
    }
    const consumer = new Consumer(queue, handler, options, this);
    this.all.add(consumer);
    return consumer;
  }

  /** A consumer whose basic.cancel was sent has left its tag to what is sent behind it. */
  private hasTag(tag: string): boolean {
    for (const consumer of this.all) if (consumer.consumerTag === tag && !consumer.leaving) return true;
    return this.channel.rpc.unanswered('basic.consume').some(({ consumerTag }) => consumerTag === tag);
  }

  async cancelConsumer(consumer: Consumer, options: CallOptions): Promise<void> {
    // An unregistered consumer needs no basic.cancel. If basic.consume is pending, its answer finds an ended consumer.
    if (!consumer.active) return this.remove(consumer, undefined);
    await this.cancelAt(consumer.consumerTag, options, () => this.remove(consumer, undefined));
  }

  /** A handler that calls this waits for the end itself. */
  excuseCaller(): void {
    for (const consumer of this.all) consumer.excuseCaller();
  }

  onHandlerError(error: unknown, delivery: Delivery): void {
    this.warn(`a delivery handler failed; delivery ${delivery.deliveryTag} is left unsettled: ${textOf(error)}`);
    this.channel.report('handlerError', error, delivery);
  }

  /** Handles basic.cancel from the broker. */
  onCancelled(consumerTag: string): void {
    const consumer = this.byTag.get(consumerTag);
    if (!consumer) return;
    this.byTag.delete(consumerTag);
    if (consumer.ended) consumer.giveBack();
    if (consumer.ended || consumer.leaving) return this.remove(consumer, undefined);
    const { queue } = consumer;
    const reason = `the broker cancelled consumer '${consumerTag}' of queue '${queue}': the queue was deleted or has moved`;
    const { onCancel } = consumer.options;
    if (onCancel) {
      this.remove(consumer, new ConsumerCancelledError(reason, queue, consumerTag));
      queueMicrotask(() => onCancel(reason));
      return;
    }
    this.warn(reason);
    consumer.giveBack();
    consumer.suspend();
    void this.comeBack(consumer, reason);
  }

  /** Called when the channel is lost, alone or with its connection. */
  suspend(lost: 'channel' | 'connection'): void {
    this.endGeneration();
    if (lost === 'connection') this.waiting.connectionLost();
    const here = new Set([...this.all, ...this.byTag.values()]);
    this.byTag.clear();
    for (const consumer of here) {
      consumer.suspend();
      if (consumer.leaving || consumer.ended) this.removeWithChannel(consumer, undefined);
    }
  }

  /**
   * Called when the channel closes while the broker does not read, so that not even basic.cancel would be read. The
   * broker keeps the consumers until it reads channel.close. The consumers end here and are not restored. Deliveries
   * with acknowledgement are requeued with the channel, since an earlier requeue would deliver them again at once.
   * Deliveries without acknowledgement exist only here and are handled, unless their consumer was cancelled before.
   */
  leaveUnheard(): void {
    this.leftUnheard = true;
    this.endGeneration();
    const withoutAck = [...this.byTag].filter(([, { options }]) => options.noAck === true);
    const goOn = new Set(withoutAck.map(([, consumer]) => consumer).filter(({ leaving }) => !leaving));
    for (const consumer of new Set([...this.all, ...this.byTag.values()])) {
      consumer.leave();
      if (goOn.has(consumer)) continue;
      consumer.suspend();
      this.removeWithChannel(consumer, undefined);
    }
    for (const [tag, consumer] of withoutAck) this.byTag.set(tag, consumer);
  }

  /**
   * Registers the suspended consumers again. A consumer that cannot be registered for now is restored later,
   * independently.
   *
   * @throws ChannelError if the broker refuses a consumer, which then has ended or waits; the channel must open anew
   * for the others
   */
  async resume(): Promise<void> {
    for (const consumer of this.all) {
      if (consumer.active || consumer.ended || this.starting.has(consumer)) continue;
      const what = `consumer of queue '${consumer.queue}'`;
      if (this.waiting.has(consumer)) {
        void this.comeBack(consumer, what);
        continue;
      }
      try {
        await this.start(consumer, {});
      } catch (error) {
        const atBroker = isRefusalOf('basic.consume', error);
        // After an EncodingError nothing was written, so the channel is unchanged.
        const here = error instanceof EncodingError;
        const caller = this.early.get(consumer);
        if (caller && (atBroker || here)) {
          this.remove(consumer, undefined);
          caller.reject(error);
        } else if (here) this.cancelled(consumer, what, error);
        else if (atBroker) this.refused(consumer, what, error);
        if (!here) throw error;
      }
    }
  }

  finish(error: AmqpError | undefined): void {
    this.generation.abort();
    for (const consumer of new Set([...this.all, ...this.byTag.values()])) this.removeWithChannel(consumer, error);
  }

  private endGeneration(): void {
    this.generation.abort();
    this.generation = new AbortController();
    this.returning.clear();
  }

  private async start(consumer: Consumer, wait: CallOptions): Promise<void> {
    const { queue, options } = consumer;
    const { timeout, signal } = wait;
    const limits = { ...(timeout === undefined ? {} : { timeout }), ...(signal === undefined ? {} : { signal }) };
    const { ofConsumers } = this.channel.prefetches;
    const prefetch = (consumer.prefetch ??= ofConsumers);
    // RabbitMQ applies a prefetch to later consumers, so basic.qos, basic.consume and the basic.qos that restores the
    // prefetch are sent together.
    const qos = prefetch === ofConsumers ? undefined : this.setPrefetch(prefetch, limits);
    const consume = this.channel.rpc.call(
      'basic.consume',
      {
        queue: this.channel.topology.resolve(queue),
        consumerTag: consumer.consumerTag,
        noLocal: options.noLocal === true,
        noAck: options.noAck === true,
        exclusive: options.exclusive === true,
        noWait: false,
        arguments: argumentsOf(options),
      },
      limits,
      (reply) => {
        this.onConsumeOk(consumer, reply.args.consumerTag);
        return reply;
      },
    );
    const back = qos && this.setPrefetch(ofConsumers, limits);
    this.starting.add(consumer);
    const [consumed] = await Promise.allSettled([consume, qos, back]);
    if (consumed.status === 'rejected') {
      this.starting.delete(consumer);
      throw consumed.reason;
    }
    await qos;
  }

  /** At once, since deliveries may follow consume-ok immediately. */
  private onConsumeOk(consumer: Consumer, consumerTag: string): void {
    // The broker may cancel the consumer immediately afterwards.
    this.starting.delete(consumer);
    if (consumer.ended) {
      // The caller had stopped waiting. Deliveries until cancel-ok belong to the consumer: they are held, or dropped if
      // they need no acknowledgement.
      this.byTag.set(consumerTag, consumer);
      consumer.abandon();
      // The queue has a consumer for a moment, and an auto-delete queue is deleted with it.
      this.channel.topology.consumerStarted(consumer.queue, consumer);
      const forget = (): void => {
        this.byTag.delete(consumerTag);
        consumer.giveBack();
      };
      const cancelled = (): void => {
        forget();
        this.channel.topology.consumerEnded(consumer.queue, consumer);
      };
      // Nobody waits for the answer. If the channel has ended, the consumer ends with it and needs no basic.cancel.
      this.cancelAt(consumerTag, { timeout: Infinity }, cancelled).catch(() => {
        forget();
        this.channel.endsWithChannel(consumer);
      });
      return;
    }
    this.byTag.set(consumerTag, consumer);
    consumer.activate(consumerTag);
    this.channel.topology.consumerStarted(consumer.queue, consumer);
    if (this.waiting.delete(consumer)) this.channel.report('consumerRestored', consumer);
  }

  /** Sends basic.cancel. @param agreed called when cancel-ok is read, even if nobody waits for it any more */
  private cancelAt(consumerTag: string, options: CallOptions, agreed: () => void): Promise<unknown> {
    return this.channel.rpc.call('basic.cancel', { consumerTag, noWait: false }, options, (reply) => {
      agreed();
      return reply;
    });
  }

  private setPrefetch(prefetchCount: number, wait: CallOptions): Promise<unknown> {
    return this.channel.rpc.call('basic.qos', { prefetchSize: 0, prefetchCount, global: false }, wait);
  }

  /**
   * Restores one consumer independently of its channel, which does not wait for it. Tries until the broker agrees,
   * refuses for good, or closes the channel, whose restore includes the consumer.
   */
  private async comeBack(consumer: Consumer, reason: string): Promise<void> {
    const { generation, returning } = this;
    const { signal } = generation;
    if (returning.has(consumer)) return;
    returning.add(consumer);
    const over = (): boolean => signal.aborted || consumer.ended || consumer.active || this.starting.has(consumer);
    for (;;) {
      const wait = this.waiting.delayOf(consumer);
      if (wait > 0) await pause(this.connection.options.clock, wait, signal);
      if (over()) break;
      try {
        if (await this.channel.topology.deletionOf(consumer.queue)) return this.cancelled(consumer, reason);
        const { blocked } = this.connection;
        if (blocked !== undefined) throw new TimeoutError(`the broker has blocked the connection: ${blocked}`);
        // On a channel of its own, since a missing queue would close this one.
        const consumers = await this.connection.restoreQueue(consumer.queue);
        if (over()) break;
        if (consumers > 0 && consumer.options.exclusive === true) throw othersConsume(consumer.queue, consumers);
        // Nobody waits for the answer, so there is no deadline.
        await this.start(consumer, { timeout: Infinity });
      } catch (error) {
        // The refusal closes the channel.
        if (over() && !isRefusalOf('basic.consume', error)) break;
        // The restore of a channel or connection that was lost meanwhile includes the consumer.
        if (error instanceof ChannelError && error.method === undefined) break;
        if (error instanceof ConnectionLostError || error instanceof ConnectionClosedError) break;
        if (!this.refused(consumer, reason, error as AmqpError)) break;
      }
    }
    if (!signal.aborted) returning.delete(consumer);
  }

  /** Keeps a refused consumer if the refusal may pass, else ends it. @returns true if the consumer waits */
  private refused(consumer: Consumer, reason: string, error: AmqpError): boolean {
    if (consumer.ended) return false;
    const known = this.waiting.has(consumer);
    if (!this.waiting.keep(consumer, error)) {
      this.cancelled(consumer, reason, error);
      return false;
    }
    if (!known) {
      this.warn(`the consumer of queue '${consumer.queue}' has to wait: ${error.message}`);
      this.channel.report('consumerWaiting', consumer, error);
    }
    return true;
  }

  private cancelled(consumer: Consumer, reason: string, cause?: AmqpError): void {
    if (consumer.ended) return;
    const message = cause ? `${reason}; it could not be restored: ${cause.message}` : reason;
    const error = new ConsumerCancelledError(message, consumer.queue, consumer.consumerTag, cause);
    this.warn(message);
    this.remove(consumer, error);
    this.channel.report('consumerCancelled', error);
  }

  private remove(consumer: Consumer, error: AmqpError | undefined): void {
    this.forget(consumer);
    this.channel.topology.consumerEnded(consumer.queue, consumer);
    consumer.finish(error);
  }

  /** The channel has ended here, and ends at the broker now or later. */
  private removeWithChannel(consumer: Consumer, error: AmqpError | undefined): void {
    this.forget(consumer);
    this.channel.endsWithChannel(consumer);
    consumer.finish(error);
  }

  private warn(message: string): void {
    this.connection.options.logger.warn(`channel ${this.channel.id}: ${message}`);
  }

  private forget(consumer: Consumer): void {
    // The tag may belong to an earlier consumer, which stays.
    if (this.byTag.get(consumer.consumerTag) === consumer) this.byTag.delete(consumer.consumerTag);
    this.all.delete(consumer);
    this.waiting.delete(consumer);
  }
}

/** @throws EncodingError if the user's function fails, since no registration is possible then */
function argumentsOf({ arguments: given = {} }: ConsumeOptions): FieldTable {
  if (typeof given === 'object') return given;
  try {
    return given();
  } catch (error) {
    throw new EncodingError(`arguments: the function failed with ${textOf(error)}`);
  }
}

/** Creates the error with which the broker would close the channel (RabbitMQ: 403, "in exclusive use"). */
function othersConsume(queue: string, consumers: number): AccessRefusedError {
  const message = `queue '${queue}' has ${consumers} other consumers, and this one is to be its only one`;
  return new AccessRefusedError(message, { method: 'basic.consume', scope: 'channel' });
}
