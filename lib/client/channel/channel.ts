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
import { ContentTooLargeError, type AmqpError } from '../errors.js';
import { isRefusalOf } from '../refusal.js';
import { SafeEmitter } from '../safe-emitter.js';
import { checkCount, checkDuration, checkedPrefetch, refuseUnknown } from '../option-checks.js';
import type { BasicPublishOptions } from '../publishing/publish-options.js';
import type { CallOptions, Reply } from '../link/pending-calls.js';
import {
  KNOWN,
  type BindOptions,
  type ExchangeDeleteOptions,
  type GetOptions,
  type QosOptions,
  type QueueDeleteOptions,
  type RecoverOptions,
} from './method-options.js';
import { AskedPrefetch } from './prefetches.js';
import type { ExchangeDeclareOptions, QueueDeclareOptions, TopologyRecord } from './topology-record.js';

/**
 * Makes a channel that is not open yet. For the connection, which opens it: see `endpointOf`.
 *
 * @param topology what is declared here is recorded there. Default: the connection's
 */
export let createChannel: (host: ChannelHost, options: ResolvedChannelOptions, topology?: TopologyRecord) => Channel;

/** The broker's side of a channel, which users cannot reach. */
export let endpointOf: (channel: Channel) => ChannelEndpoint;

/**
 * One channel of a connection. Its methods are the specification's, class and method in one word. It survives channel
 * errors and lost connections: whatever was pending then fails with a typed error, and the same object opens anew, with
 * its QoS, confirm mode and consumers.
 *
 * Every method rejects with `ChannelError` (the class of the broker's reply code), `ConnectionLostError`,
 * `ChannelClosedError`, `TimeoutError` after `timeout` ms, the reason of `signal`, or `EncodingError` for what AMQP
 * cannot carry.
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

  /** Resolves when the channel is closed for good: with undefined by `close()`, else with the reason. Never rejects. */
  get closed(): Promise<AmqpError | undefined> {
    return this.#endpoint.closed;
  }

  /** The channel number, from 1; 0 as long as it was never open. */
  get id(): number {
    return this.#endpoint.id;
  }

  /** Publisher confirms are on. */
  get confirming(): boolean {
    return this.#endpoint.gate.confirming;
  }

  /** It can be used now. */
  get isOpen(): boolean {
    return this.#endpoint.isOpen;
  }

  /**
   * Resolves when it can be used: one that `connection.channel()` made, or one that was lost.
   *
   * @throws TimeoutError, the signal's reason, ChannelClosedError, or what has closed it meanwhile
   */
  async whenOpen(options: CallOptions = {}): Promise<void> {
    await this.#endpoint.calls.whenOpen('whenOpen', options);
  }

  /** Declares an exchange (exchange.declare, section 1.6). @throws PreconditionFailedError when it is there and different */
  async exchangeDeclare(
    exchange: string,
    type: string,
    options: ExchangeDeclareOptions & CallOptions = {},
  ): Promise<void> {
    refuseUnknown('exchangeDeclare', options, KNOWN.exchangeDeclare);
    await this.#declarations.declareExchange(exchange, type, options);
  }

  /** exchange.delete. @throws PreconditionFailedError when `ifUnused` and it has bindings */
  async exchangeDelete(exchange: string, options: ExchangeDeleteOptions = {}): Promise<void> {
    refuseUnknown('exchangeDelete', options, KNOWN.exchangeDelete);
    await this.#declarations.deleteExchange(exchange, options);
  }

  /** Binds `destination` to `source`, exchange to exchange (https://www.rabbitmq.com/docs/e2e). */
  async exchangeBind(destination: string, source: string, routingKey = '', options: BindOptions = {}): Promise<void> {
    refuseUnknown('exchangeBind', options, KNOWN.bind);
    await this.#declarations.bind({ kind: 'exchange', destination, source, routingKey }, options);
  }

  /** exchange.unbind: routing key and arguments as in the binding. */
  async exchangeUnbind(destination: string, source: string, routingKey = '', options: BindOptions = {}): Promise<void> {
    refuseUnknown('exchangeUnbind', options, KNOWN.bind);
    await this.#declarations.unbind({ kind: 'exchange', destination, source, routingKey }, options);
  }

  /**
   * queue.declare (section 1.7.2.1). An empty name lets the broker choose; the name that it chose stays good after a
   * reconnect, whatever the broker calls the queue then.
   *
   * @throws PreconditionFailedError when it is there and different, ResourceLockedError when another connection owns it
   */
  async queueDeclare(queue: string, options: QueueDeclareOptions & CallOptions = {}): Promise<QueueDeclared> {
    refuseUnknown('queueDeclare', options, KNOWN.queueDeclare);
    return this.#declarations.declareQueue(queue, options);
  }

  /** queue.bind. An empty `exchange` is the default one, to which RabbitMQ lets nobody bind (403). */
  async queueBind(queue: string, exchange: string, routingKey = '', options: BindOptions = {}): Promise<void> {
    refuseUnknown('queueBind', options, KNOWN.bind);
    await this.#declarations.bind({ kind: 'queue', destination: queue, source: exchange, routingKey }, options);
  }

  /** queue.unbind: routing key and arguments as in the binding. */
  async queueUnbind(queue: string, exchange: string, routingKey = '', options: BindOptions = {}): Promise<void> {
    refuseUnknown('queueUnbind', options, KNOWN.bind);
    await this.#declarations.unbind({ kind: 'queue', destination: queue, source: exchange, routingKey }, options);
  }

  /** Drops the queue's ready messages; resolves with their number. */
  async queuePurge(queue: string, options: CallOptions = {}): Promise<number> {
    return this.#declarations.purgeQueue(queue, options);
  }

  /** queue.delete; resolves with the number of messages that went with it. A queue that is not there is no error in RabbitMQ. */
  async queueDelete(queue: string, options: QueueDeleteOptions = {}): Promise<number> {
    refuseUnknown('queueDelete', options, KNOWN.queueDelete);
    return this.#declarations.deleteQueue(queue, options);
  }

  /**
   * Unacknowledged deliveries at most (basic.qos, https://www.rabbitmq.com/docs/consumer-prefetch).
   *
   * @param prefetchCount 0 to 65,535; 0 or Infinity for no limit
   * @param options.global for the channel as a whole; RabbitMQ 4 refuses that. Default: for each consumer that follows
   */
  async basicQos(prefetchCount: number, options: QosOptions = {}): Promise<void> {
    refuseUnknown('basicQos', options, KNOWN.basicQos);
    const global = options.global === true;
    const limit = prefetchCount === Infinity ? 0 : prefetchCount;
    const ask = new AskedPrefetch(limit, global);
    const { calls, prefetches, rpc } = this.#endpoint;
    await calls.followed('basic.qos', options, (unlimited) =>
      prefetches.follow(ask, rpc.call('basic.qos', ask, unlimited)),
    );
  }

  /** Registers a consumer (basic.consume, section 1.8.3.3). @throws ConfigurationError, NotFoundError, AccessRefusedError, … */
  async basicConsume(queue: string, handler: DeliveryHandler, options: ConsumeOptions = {}): Promise<Consumer> {
    refuseUnknown('basicConsume', options, KNOWN.basicConsume);
    checkCount('concurrency', options.concurrency, { min: 1, unlimited: true });
    const { prefetch } = options;
    const checked = prefetch === undefined ? options : { ...options, prefetch: checkedPrefetch(prefetch) };
    const { consumers, current } = this.#endpoint;
    // Calls of one tick go out in their order: no turn is waited for while the channel is open.
    if (this.isOpen) return consumers.add(this.#declarations.queueMeant(queue), handler, checked);
    const opened = this.#endpoint.calls.whenOpen('basic.consume', checked);
    if (current === 'opening')
      return consumers.addEarly(this.#declarations.queueMeant(queue), handler, checked, opened);
    const left = await opened;
    return consumers.add(this.#declarations.queueMeant(queue), handler, left);
  }

  /**
   * A consumer as an async iterator: `for await (const delivery of channel.consume(queue))`. Begins with the first
   * turn, hands out one delivery at a time, and is cancelled by leaving the loop. Throws `ConsumerCancelledError`, or
   * what has closed the channel.
   *
   * @param options.prefetch deliveries held ready. Default: the channel's, or 100
   */
  consume(
    queue: string,
    options: Omit<ConsumeOptions, 'concurrency' | 'onCancel'> = {},
  ): AsyncIterableIterator<Delivery> {
    const bounded = iteratorOptions(options, this.#endpoint.prefetches.ofConsumers);
    return new DeliveryIterator((handler, stop) => {
      const signal = bounded.signal ? AbortSignal.any([bounded.signal, stop]) : stop;
      return this.basicConsume(queue, handler, { ...bounded, signal });
    });
  }

  /** Tags of the consumers whose deliveries need no acknowledgement. */
  get noAckConsumers(): ReadonlySet<string> {
    const noAck = this.#endpoint.consumers.list().filter(({ active, options }) => active && options.noAck === true);
    return new Set(noAck.map(({ consumerTag }) => consumerTag));
  }

  /** Ends a consumer by its tag; see `Consumer.cancel`. A tag that is not known is nothing to cancel. */
  async basicCancel(consumerTag: string, options: CallOptions = {}): Promise<void> {
    await this.#endpoint.consumers.get(consumerTag)?.cancel(options);
  }

  /** Fetches one message (basic.get); undefined when the queue is empty. @throws ContentTooLargeError over `maxMessageSize` */
  async basicGet(queue: string, options: GetOptions = {}): Promise<Delivery | undefined> {
    refuseUnknown('basicGet', options, KNOWN.basicGet);
    const left = this.isOpen ? options : await this.#endpoint.calls.whenOpen('basic.get', options);
    const noAck = options.noAck === true;
    type Fetched = ((noAck: boolean) => Delivery | undefined) | Reply<'basic.get'>;
    const onReply = (reply: Fetched, abandoned: boolean): Delivery | undefined => {
      if (typeof reply !== 'function') return undefined;
      const delivery = reply(noAck);
      if (!delivery)
        throw new ContentTooLargeError(
          'basic.get: the message exceeds maxMessageSize, so it was not read; raise maxMessageSize to get it',
        );
      if (abandoned && !noAck) delivery.nack({ requeue: true });
      return delivery;
    };
    return this.#endpoint.rpc.call('basic.get', { queue: this.#declarations.currentName(queue), noAck }, left, onReply);
  }

  /** Redelivers what is unacknowledged (basic.recover, deprecated); RabbitMQ only does it with `requeue`. */
  async basicRecover(options: RecoverOptions & CallOptions = {}): Promise<void> {
    refuseUnknown('basicRecover', options, KNOWN.basicRecover);
    await this.recover(options);
  }

  /**
   * The same, without waiting for it (basic.recover-async, deprecated). It sends basic.recover: basic.recover-async has no
   * answer, and without one a delivery that was on its way cannot be told from one that comes after.
   */
  async basicRecoverAsync(options: RecoverOptions = {}): Promise<void> {
    refuseUnknown('basicRecoverAsync', options, KNOWN.basicRecoverAsync);
    if (!this.isOpen) await this.#endpoint.calls.whenOpen('basic.recover', {});
    // A loss of the channel gives everything back as well.
    this.recover(options).catch(() => {});
  }

  /** Asks the broker to pause or resume deliveries (channel.flow). RabbitMQ refuses to pause: use `basicQos`. */
  async channelFlow(active: boolean, options: CallOptions = {}): Promise<boolean> {
    return (await this.#endpoint.calls.call('channel.flow', { active }, options)).args.active;
  }

  /**
   * Makes the channel transactional (tx.select, section 1.9): publishes and acks take effect with `txCommit()`. Not
   * together with confirms, and not replayed when the channel is restored: what was not committed is lost then.
   */
  async txSelect(options: CallOptions = {}): Promise<void> {
    await this.#endpoint.calls.call('tx.select', {}, options);
  }

  /** Carries out what was published and acked since the last commit or rollback. */
  async txCommit(options: CallOptions = {}): Promise<void> {
    await this.endTransaction('tx.commit', options);
  }

  /** Forgets it. Acked deliveries are unacknowledged again, but not redelivered. */
  async txRollback(options: CallOptions = {}): Promise<void> {
    await this.endTransaction('tx.rollback', options);
  }

  /** Publisher confirms on: from here on a publish resolves on the broker's ack (https://www.rabbitmq.com/docs/confirms). */
  async confirmSelect(options: CallOptions = {}): Promise<void> {
    if (this.confirming) return;
    try {
      await this.#endpoint.calls.call('confirm.select', { noWait: false }, options);
    } catch (error) {
      if (isRefusalOf('confirm.select', error)) this.#endpoint.gate.confirming = false;
      throw error;
    }
  }

  /**
   * Publishes a message (basic.publish). On a channel with confirms it resolves with the delivery tag on the broker's
   * ack; without, with 0 once the connection has taken it.
   *
   * @param body a string is sent as UTF-8. Bytes must not be changed until it settles: from 16 KiB on they are not
   *   copied, and what waits (for a reconnect, or to be sent again) is not either. After a deadline, an abort, or an error
   *   whose `outcome` is `'unknown'` the socket may still be about to read them: use a buffer of your own for each message
   * @throws ConfigurationError (an option that does not exist), PublishNackedError, MessageReturnedError (`mandatory`), PublishTimeoutError, PublishRefusedError,
   *   NotFoundError (no such exchange), ConnectionLostError or ChannelClosedError with `outcome`
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
      return Promise.reject(new EncodingError('the body must be a string or a Uint8Array'));
    // To the default exchange it goes by the queue's name: the one that stays, until it is written.
    const key = exchange === '' ? this.#endpoint.topology.knownAs(routingKey) : routingKey;
    return this.#endpoint.publisher.publish(exchange, key, bytes, options);
  }

  /** Resolves once every publish so far has its outcome. @param options.timeout ms; default the channel's `publishTimeout` */
  async waitForConfirms(options: CallOptions = {}): Promise<void> {
    const wait = { timeout: options.timeout ?? this.#endpoint.channelOptions.publishTimeout, signal: options.signal };
    await within(
      this.#endpoint.publisher.whenSettled(),
      this.#endpoint.clock,
      wait,
      'waitForConfirms: some are still missing',
    );
  }

  /**
   * Closes it gracefully: cancels the consumers, waits for running handlers and for confirms, flushes the acks. Called
   * in a handler of its own, before that handler first awaits anything, it does not wait for that handler. Later it cannot
   * tell who calls: there, do not await it.
   *
   * @param options.timeout for all of that, ms; what is not done then is cut off. Infinity: it waits. Of several calls the
   *   earliest deadline counts. Default 10,000
   */
  close({ timeout = 10_000 }: { readonly timeout?: number } = {}): Promise<void> {
    try {
      checkDuration('timeout', timeout);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#endpoint.close(timeout);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private async endTransaction(name: 'tx.commit' | 'tx.rollback', options: CallOptions): Promise<void> {
    const deadline = new Deadline(this.#endpoint.clock, options);
    // Publishes that still wait for the socket are part of it.
    await this.waitForConfirms(deadline.left);
    this.#endpoint.settlements.flush();
    await this.#endpoint.calls.call(name, {}, deadline.left);
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
