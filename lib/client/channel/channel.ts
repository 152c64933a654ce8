import { showAs } from '../../shown/index.js';
import { Buffer } from 'node:buffer';
import { EncodingError } from '../../protocol/errors.js';
import { ChannelEndpoint } from './channel-endpoint.js';
import type { ChannelEvents } from './channel-events.js';
import type { ChannelHost } from './channel-host.js';
import type { ResolvedChannelOptions } from './channel-options.js';
import type { Consumer } from '../consuming/consumer.js';
import { type ConsumeOptions, type DeliveryHandler } from '../consuming/consumer.js';
import { Declarations, type QueueDeclared } from './declarations.js';
import { Deadline } from '../timing/deadline.js';
import { within } from '../timing/deferred.js';
import type { Delivery } from '../consuming/delivery.js';
import { DeliveryIterator, iteratorOptions } from '../consuming/delivery-iterator.js';
import { ContentTooLargeError } from '../errors.js';
import { isRefusalOf } from '../refusal.js';
import { SafeEmitter } from '../safe-emitter.js';
import { FLAG, FUNCTION } from '../../option-names/index.js';
import { checkOptions, checkValue, closeTimeout, encodedPrefetch } from '../option-checks.js';
import { notOptions, type BasicPublishOptions } from '../publishing/publish-options.js';
import { checkCall, type CallOptions, type Reply } from '../link/pending-calls.js';
import {
  CHECKS,
  type BindOptions,
  type ExchangeDeclareOptions,
  type ExchangeDeleteOptions,
  type GetOptions,
  type QosOptions,
  type QueueDeclareOptions,
  type QueueDeleteOptions,
  type RecoverOptions,
} from './method-options.js';
import { checkNames } from './check-names.js';
import { AskedPrefetch } from './prefetches.js';
import { traceReceive } from './receive-trace.js';
import { tracing } from '../tracing.js';
import type { TransactionEnd } from './transaction.js';
import type { TopologyRecord } from './topology-record.js';

/**
 * Creates a channel that is not open yet. The connection opens it through `endpointOf`.
 *
 * @param topology the record of declarations on this channel. Default: the connection's
 */
export let createChannel: (host: ChannelHost, options: ResolvedChannelOptions, topology?: TopologyRecord) => Channel;

/** Returns the broker's side of a channel, which users cannot reach. */
export let endpointOf: (channel: Channel) => ChannelEndpoint;

/**
 * One channel of a connection. Its methods have the names of the specification, class and method in one word. A channel
 * survives channel errors and lost connections: calls that were sent fail with a typed error, and the same object opens anew
 * with its QoS, confirm mode and consumers.
 *
 * Every method rejects with `ChannelError` (the class of the broker's reply code), `ConnectionLostError`,
 * `ChannelClosedError`, `TimeoutError` after `timeout` ms, the reason of `signal`, `EncodingError` for a value that AMQP
 * cannot encode, or `ConfigurationError` for an unknown option or an invalid value. `timeout` is the connection's
 * `rpcTimeout` by default (30,000 ms).
 *
 * @example
 * ```ts
 * const channel = await connection.openChannel({ confirm: true, prefetch: 50 });
 * await channel.queueDeclare('billing', { arguments: { 'x-queue-type': 'quorum' } });
 * await channel.publish('', 'billing', JSON.stringify(order), { deliveryMode: 2, mandatory: true });
 * await channel.basicConsume('billing', (delivery) => delivery.ack());
 * ```
 *
 * @see https://www.rabbitmq.com/docs/channels
 */
export class Channel extends SafeEmitter<ChannelEvents> {
  static {
    createChannel = (host, options, topology) => new Channel(host, options, topology);
    endpointOf = (channel) => channel.#endpoint;
  }

  readonly #endpoint: ChannelEndpoint;
  readonly #declarations: Declarations;

  /** Use `connection.openChannel()` or `connection.channel()`. */
  private constructor(host: ChannelHost, options: ResolvedChannelOptions, topology?: TopologyRecord) {
    super();
    this.#endpoint = new ChannelEndpoint(host, options, (event, ...args) => this.report(event, ...args), topology);
    this.#declarations = new Declarations(this.#endpoint);
  }

  /**
   * Resolves when the channel is closed for good: with undefined by `close()`, else with the reason. Never rejects.
   *
   * The reason is an `AmqpError`, or the error with which `openAfter` has rejected.
   */
  get closed(): Promise<Error | undefined> {
    return this.#endpoint.closed;
  }

  /** The channel number, from 1; 0 before the channel was first open. */
  get id(): number {
    return this.#endpoint.id;
  }

  /** True if publisher confirms are on. */
  get confirming(): boolean {
    return this.#endpoint.gate.confirming;
  }

  /** True if the channel can be used now. */
  get isOpen(): boolean {
    return this.#endpoint.isOpen;
  }

  /**
   * Resolves when the channel can be used, for a channel of `connection.channel()` or a lost one.
   *
   * @throws TimeoutError, the signal's reason, ChannelClosedError, or the error that has closed the channel meanwhile
   */
  async whenOpen(options: CallOptions = {}): Promise<void> {
    checkCall('whenOpen', options);
    await this.#endpoint.calls.whenOpen('whenOpen', options);
  }

  /**
   * Declares an exchange (exchange.declare, section 1.6.2.1).
   *
   * @example
   * ```ts
   * await channel.exchangeDeclare('orders', 'topic', { arguments: { 'alternate-exchange': 'unroutable' } });
   * ```
   *
   * @param type `direct`, `fanout`, `topic`, `headers`, or the type of a plugin
   * @throws PreconditionFailedError if it exists with other properties, NotFoundError if it is missing and `passive` is set
   */
  async exchangeDeclare(
    exchange: string,
    type: string,
    options: ExchangeDeclareOptions & CallOptions = {},
  ): Promise<void> {
    checkOptions('exchangeDeclare', options, CHECKS.exchangeDeclare);
    await this.#declarations.declareExchange(exchange, type, options);
  }

  /**
   * Deletes an exchange (exchange.delete, section 1.6.2.3). A missing exchange is no error in RabbitMQ.
   *
   * @throws PreconditionFailedError if it has bindings, with `ifUnused`
   */
  async exchangeDelete(exchange: string, options: ExchangeDeleteOptions = {}): Promise<void> {
    checkOptions('exchangeDelete', options, CHECKS.exchangeDelete);
    await this.#declarations.deleteExchange(exchange, options);
  }

  /**
   * Binds the exchange `destination` to the exchange `source` (https://www.rabbitmq.com/docs/e2e).
   *
   * @throws NotFoundError if one of them does not exist
   */
  async exchangeBind(destination: string, source: string, routingKey = '', options: BindOptions = {}): Promise<void> {
    checkOptions('exchangeBind', options, CHECKS.bind);
    await this.#declarations.bind({ kind: 'exchange', destination, source, routingKey }, options);
  }

  /** Removes a binding of exchanges (exchange.unbind). Routing key and arguments must equal those of the binding. */
  async exchangeUnbind(destination: string, source: string, routingKey = '', options: BindOptions = {}): Promise<void> {
    checkOptions('exchangeUnbind', options, CHECKS.bind);
    await this.#declarations.unbind({ kind: 'exchange', destination, source, routingKey }, options);
  }

  /**
   * Declares a queue (queue.declare, section 1.7.2.1). For an empty name the broker chooses one. The chosen name stays
   * valid after a reconnect, even if the broker then gives the queue another name.
   *
   * @example
   * ```ts
   * await channel.queueDeclare('billing', { arguments: { 'x-queue-type': 'quorum' } });
   * const { queue } = await channel.queueDeclare('', { exclusive: true });
   * ```
   *
   * @see https://www.rabbitmq.com/docs/queues
   * @throws PreconditionFailedError if it exists with other properties, ResourceLockedError if another connection owns
   * it
   */
  async queueDeclare(queue: string, options: QueueDeclareOptions & CallOptions = {}): Promise<QueueDeclared> {
    checkOptions('queueDeclare', options, CHECKS.queueDeclare);
    return this.#declarations.declareQueue(queue, options);
  }

  /**
   * Binds a queue to an exchange (queue.bind, section 1.7.2.3). RabbitMQ refuses bindings to the default exchange, whose
   * name is empty (403).
   *
   * @example
   * ```ts
   * await channel.queueBind('billing', 'orders', 'order.*');
   * ```
   *
   * @throws NotFoundError if the queue or the exchange does not exist
   */
  async queueBind(queue: string, exchange: string, routingKey = '', options: BindOptions = {}): Promise<void> {
    checkOptions('queueBind', options, CHECKS.bind);
    await this.#declarations.bind({ kind: 'queue', destination: queue, source: exchange, routingKey }, options);
  }

  /** Removes a binding of a queue (queue.unbind, section 1.7.2.5). Routing key and arguments must equal those of the binding. */
  async queueUnbind(queue: string, exchange: string, routingKey = '', options: BindOptions = {}): Promise<void> {
    checkOptions('queueUnbind', options, CHECKS.bind);
    await this.#declarations.unbind({ kind: 'queue', destination: queue, source: exchange, routingKey }, options);
  }

  /**
   * Drops the queue's ready messages (queue.purge, section 1.7.2.7). Resolves with their number.
   *
   * @throws NotFoundError
   */
  async queuePurge(queue: string, options: CallOptions = {}): Promise<number> {
    checkCall('queuePurge', options);
    return this.#declarations.purgeQueue(queue, options);
  }

  /**
   * Deletes a queue (queue.delete, section 1.7.2.9). Resolves with the number of deleted messages. A missing queue is no
   * error in RabbitMQ.
   *
   * @throws PreconditionFailedError if it has consumers, with `ifUnused`, or messages, with `ifEmpty`
   */
  async queueDelete(queue: string, options: QueueDeleteOptions = {}): Promise<number> {
    checkOptions('queueDelete', options, CHECKS.queueDelete);
    return this.#declarations.deleteQueue(queue, options);
  }

  /**
   * Sets the maximum number of unacknowledged deliveries (basic.qos, https://www.rabbitmq.com/docs/consumer-prefetch).
   *
   * @param prefetchCount 0 to 65,535; 0 or Infinity for no limit
   * @param options.global true applies the limit to the whole channel; RabbitMQ 4 refuses that. Default: it applies to
   * each later consumer. Earlier consumers keep their limit, also after a loss
   */
  async basicQos(prefetchCount: number, options: QosOptions = {}): Promise<void> {
    checkOptions('basicQos', options, CHECKS.basicQos);
    const global = options.global === true;
    const limit = prefetchCount === Infinity ? 0 : prefetchCount;
    const ask = new AskedPrefetch(limit, global);
    const { calls, prefetches, rpc } = this.#endpoint;
    const call = calls.followed('basic.qos', options, (unlimited) =>
      prefetches.follow(ask, rpc.call('basic.qos', ask, unlimited)),
    );
    await (this.isOpen ? call : prefetches.holdWhile(ask, call));
  }

  /**
   * Registers a consumer (basic.consume, section 1.8.3.3) and resolves when the broker has registered it.
   *
   * @example
   * ```ts
   * const consumer = await channel.basicConsume(
   *   'billing',
   *   async (delivery) => {
   *     await bill(delivery.json());
   *     delivery.ack();
   *   },
   *   { prefetch: 20, concurrency: 5 },
   * );
   * await consumer.cancel();
   * ```
   *
   * @param handler settles its delivery: `ack()`, `nack()` or `reject()`
   * @throws NotFoundError if there is no such queue, AccessRefusedError without permission or if another consumer is
   * exclusive, ResourceLockedError for an exclusive queue of another connection, NotAllowedError if the tag is in use
   * @see https://www.rabbitmq.com/docs/consumers
   */
  async basicConsume(queue: string, handler: DeliveryHandler, options: ConsumeOptions = {}): Promise<Consumer> {
    checkOptions('basicConsume', options, CHECKS.basicConsume);
    checkValue('basicConsume: the handler', handler, FUNCTION);
    checkNames('basic.consume', { queue, consumerTag: options.consumerTag ?? '' });
    const { prefetch } = options;
    const checked = prefetch === undefined ? options : { ...options, prefetch: encodedPrefetch(prefetch) };
    const { consumers, current } = this.#endpoint;
    // Calls of one tick are sent in their order, so this does not wait for a turn while the channel is open.
    if (this.isOpen) return consumers.add(this.#declarations.queueMeant(queue), handler, checked);
    const opened = this.#endpoint.calls.whenOpen('basic.consume', checked);
    if (current === 'opening')
      return consumers.addEarly(this.#declarations.queueMeant(queue), handler, checked, opened);
    const left = await opened;
    return consumers.add(this.#declarations.queueMeant(queue), handler, left);
  }

  /**
   * Returns a consumer as an async iterator: `for await (const delivery of channel.consume(queue))`. It starts with the
   * first turn of the loop, yields one delivery at a time, and is cancelled when the loop is left. The loop throws
   * `ConsumerCancelledError`, the errors of `basicConsume`, or the error that has closed the channel.
   *
   * @example
   * ```ts
   * for await (const delivery of channel.consume('billing', { prefetch: 10 })) {
   *   await bill(delivery.json());
   *   delivery.ack();
   * }
   * ```
   *
   * @param options.prefetch number of deliveries that are held ready. Default: the channel's prefetch, or 100
   */
  consume(
    queue: string,
    options: Omit<ConsumeOptions, 'concurrency' | 'onCancel'> = {},
  ): AsyncIterableIterator<Delivery> {
    return new DeliveryIterator(async (handler, stop) => {
      checkOptions('consume', options, CHECKS.consume);
      const bounded = iteratorOptions(options, this.#endpoint.prefetches.ofNewConsumers);
      const signal = bounded.signal ? AbortSignal.any([bounded.signal, stop]) : stop;
      return this.basicConsume(queue, handler, { ...bounded, signal });
    });
  }

  /** Returns the tags of the consumers without acknowledgements. */
  get noAckConsumers(): ReadonlySet<string> {
    const noAck = this.#endpoint.consumers.list().filter(({ active, options }) => active && options.noAck === true);
    return new Set(noAck.map(({ consumerTag }) => consumerTag));
  }

  /** Ends a consumer by its tag; see `Consumer.cancel`. An unknown tag has no effect. */
  async basicCancel(consumerTag: string, options: CallOptions = {}): Promise<void> {
    checkCall('basicCancel', options);
    checkNames('basic.cancel', { consumerTag });
    await this.#endpoint.consumers.get(consumerTag)?.cancel(options);
  }

  /**
   * Fetches one message (basic.get, section 1.8.3.10). Resolves with undefined if the queue is empty.
   *
   * @example
   * ```ts
   * const delivery = await channel.basicGet('billing');
   * delivery?.ack();
   * ```
   *
   * @throws NotFoundError, and ContentTooLargeError for a message over the connection's `maxMessageSize`. The message is returned to its
   *   queue, at its place if possible; with `noAck` it is lost
   */
  async basicGet(queue: string, options: GetOptions = {}): Promise<Delivery | undefined> {
    checkOptions('basicGet', options, CHECKS.basicGet);
    checkNames('basic.get', { queue });
    if (!tracing.receive.hasSubscribers) return this.get(queue, options);
    const { peer } = this.#endpoint;
    return traceReceive({ queue, noAck: options.noAck === true, peer }, () => this.get(queue, options));
  }

  private async get(queue: string, options: GetOptions): Promise<Delivery | undefined> {
    const left = this.isOpen ? options : await this.#endpoint.calls.whenOpen('basic.get', options);
    const noAck = options.noAck === true;
    type Fetched = ((noAck: boolean) => Delivery | undefined) | Reply<'basic.get'>;
    const onReply = (reply: Fetched, abandoned: boolean): Delivery | undefined => {
      if (typeof reply !== 'function') return undefined;
      const delivery = reply(noAck);
      if (!delivery)
        throw new ContentTooLargeError(
          `basic.get: the message exceeds maxMessageSize and ${noAck ? 'is lost: with noAck the broker keeps none that it has sent' : 'was returned to its queue; raise maxMessageSize to get it'}`,
        );
      if (abandoned && !noAck) delivery.nack({ requeue: true });
      return delivery;
    };
    return this.#endpoint.rpc.call('basic.get', { queue: this.#declarations.currentName(queue), noAck }, left, onReply);
  }

  /**
   * Has the broker redeliver all unacknowledged messages (basic.recover, section 1.8.3.16, deprecated). RabbitMQ supports
   * it only with `requeue`.
   *
   * @throws NotImplementedError for `requeue: false`, which closes the connection
   */
  async basicRecover(options: RecoverOptions & CallOptions = {}): Promise<void> {
    checkOptions('basicRecover', options, CHECKS.basicRecover);
    await this.recover(options);
  }

  /**
   * Does the same as `basicRecover()` without waiting for the answer (basic.recover-async, deprecated). It sends basic.recover, since
   * basic.recover-async has no answer, and without an answer a delivery on its way cannot be distinguished from a later
   * one.
   */
  async basicRecoverAsync(options: RecoverOptions = {}): Promise<void> {
    checkOptions('basicRecoverAsync', options, CHECKS.basicRecoverAsync);
    if (!this.isOpen) await this.#endpoint.calls.whenOpen('basic.recover', {});
    // A loss of the channel requeues everything, too.
    this.recover(options).catch(() => {});
  }

  /**
   * Asks the broker to pause or resume deliveries (channel.flow, section 1.5.2.3). Resolves with the new state.
   *
   * @throws NotImplementedError for `false`: RabbitMQ refuses to pause, and closes the connection. Use `basicQos`
   */
  async channelFlow(active: boolean, options: CallOptions = {}): Promise<boolean> {
    checkCall('channelFlow', options);
    checkValue('channelFlow: active', active, FLAG);
    return (await this.#endpoint.calls.call('channel.flow', () => ({ active }), options)).args.active;
  }

  /**
   * Makes the channel transactional (tx.select, section 1.9.2.1): publishes and acks take effect with `txCommit()`. A
   * restored channel is transactional again, and its broken transaction cannot be committed.
   *
   * @example
   * ```ts
   * await channel.txSelect();
   * await channel.publish('orders', 'order.created', body);
   * await channel.txCommit();
   * ```
   *
   * @throws PreconditionFailedError if the channel has confirms
   * @see https://www.rabbitmq.com/docs/semantics#tx
   */
  async txSelect(options: CallOptions = {}): Promise<void> {
    checkCall('txSelect', options);
    try {
      await this.#endpoint.calls.call('tx.select', () => ({}), options);
    } catch (error) {
      if (isRefusalOf('tx.select', error)) this.#endpoint.transaction.selected = false;
      throw error;
    }
  }

  /**
   * Commits the publishes and acks since the last commit or rollback (tx.commit, section 1.9.2.3).
   *
   * @throws ChannelClosedError with `outcome: 'not-sent'` if the channel was lost since then: everything is rolled back.
   * Repeat the transaction
   */
  async txCommit(options: CallOptions = {}): Promise<void> {
    checkCall('txCommit', options);
    await this.endTransaction('tx.commit', options);
  }

  /**
   * Discards the publishes and acks since the last commit or rollback (tx.rollback, section 1.9.2.5). Acked deliveries
   * are unacknowledged again, but not redelivered.
   */
  async txRollback(options: CallOptions = {}): Promise<void> {
    checkCall('txRollback', options);
    await this.endTransaction('tx.rollback', options);
  }

  /**
   * Turns on publisher confirms (confirm.select): later publishes resolve on the broker's ack
   * (https://www.rabbitmq.com/docs/confirms).
   *
   * @throws PreconditionFailedError if the channel is transactional
   */
  async confirmSelect(options: CallOptions = {}): Promise<void> {
    checkCall('confirmSelect', options);
    if (this.confirming) return;
    try {
      await this.#endpoint.calls.call('confirm.select', () => ({ noWait: false }), options);
    } catch (error) {
      if (isRefusalOf('confirm.select', error)) this.#endpoint.gate.confirming = false;
      throw error;
    }
  }

  /**
   * Publishes a message (basic.publish, section 1.8.3.7). With confirms it resolves with the delivery tag on the broker's
   * ack. Without confirms it resolves with 0 once the connection has taken the message.
   *
   * @example
   * ```ts
   * await channel.publish('orders', 'order.created', JSON.stringify(order), {
   *   contentType: 'application/json',
   *   deliveryMode: 2,
   *   mandatory: true,
   *   timeout: 5_000,
   * });
   * ```
   *
   * @param body a string is sent as UTF-8. Do not change bytes until the publish settles: bytes from 16 KiB on, and the
   * bytes of waiting publishes, are not copied. After a deadline, an abort, or an error with `outcome: 'unknown'`, the
   * socket may still read the bytes later, so use a new buffer for each message
   * @param options are read when the message is sent. Do not change them, or the headers in them, until the publish settles
   * @throws ConfigurationError for an unknown option or a wrong value, EncodingError, PublishNackedError,
   *   MessageReturnedError (`mandatory`), PublishTimeoutError, PublishRefusedError, NotFoundError (no such exchange),
   *   ConnectionLostError or ChannelClosedError with `outcome`
   */
  publish(
    exchange: string,
    routingKey: string,
    body: Uint8Array | string,
    options: BasicPublishOptions = {},
  ): Promise<number> {
    if (this.#endpoint.isOver) return Promise.reject(this.#endpoint.closedError('publish'));
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    if (!(bytes instanceof Uint8Array))
      return Promise.reject(
        new EncodingError(
          'publish: the body must be a string or a Uint8Array; encode other values, as with JSON.stringify()',
        ),
      );
    if (typeof options !== 'object' || options === null) return Promise.reject(notOptions(options));
    // For the default exchange the routing key is a queue's name. The user's name is kept until the message is written.
    const key = exchange === '' ? this.#endpoint.topology.knownAs(routingKey) : routingKey;
    return this.#endpoint.publisher.publish(exchange, key, bytes, options) as Promise<number>;
  }

  /**
   * Resolves when every earlier publish has its outcome, whatever it is. Does not reject for a publish that failed.
   *
   * @param options.timeout ms; default the channel's `publishTimeout`
   * @throws TimeoutError, the signal's reason
   */
  async waitForConfirms(options: CallOptions = {}): Promise<void> {
    checkCall('waitForConfirms', options);
    const wait = { timeout: options.timeout ?? this.#endpoint.channelOptions.publishTimeout, signal: options.signal };
    await within(
      this.#endpoint.publisher.whenSettled(),
      this.#endpoint.clock,
      wait,
      'waitForConfirms: some are still missing',
    );
  }

  /**
   * Closes the channel gracefully: cancels its consumers, waits for running handlers and confirms, and flushes acks. A
   * call from one of its handlers, before that handler awaits anything, does not wait for that handler. After an await
   * the channel cannot recognise the caller, so a handler must not await the result there.
   *
   * @param options.timeout ms for all steps, after which the rest is cut off and a warning is logged; Infinity for no limit,
   * 0 to cut it off at once, without a warning. Of several calls the earliest deadline counts. Default 10,000
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

  private async endTransaction(name: TransactionEnd, options: CallOptions): Promise<void> {
    const deadline = new Deadline(this.#endpoint.clock, options);
    // The transaction includes publishes that still wait for the socket.
    await this.waitForConfirms(deadline.left);
    this.#endpoint.settlements.flush();
    await this.#endpoint.transaction.end(name, (method) =>
      this.#endpoint.calls.call(method, () => ({}), deadline.left),
    );
  }

  private recover({ requeue, ...wait }: RecoverOptions & CallOptions): Promise<unknown> {
    return this.#endpoint.calls.followed('basic.recover', wait, (unlimited) => {
      const { rpc, settlements } = this.#endpoint;
      settlements.beginRecover();
      return rpc.call('basic.recover', { requeue: requeue !== false }, unlimited, () => settlements.endRecover());
    });
  }
}

showAs(Channel, ({ id, isOpen, confirming }) => ({ id, isOpen, confirming }));
