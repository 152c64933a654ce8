import { showAs } from '../../lib/shown/index.js';
import type { Observable } from 'rxjs';
import {
  CHECKED_AT,
  ConfigurationError,
  MessageReturnedError,
  outcomeOf,
  type BasicPublishOptions,
  type FieldTable,
  type ReturnedMessage,
} from '../../lib/client/index.js';
import type { AmqpConnections } from '../connection/amqp-connections.js';
import type { ConnectionEvents, ConsumerCancelledEvent } from '../connection/connection-events.js';
import type { AmqpConnectionState } from '../connection/connection-status.js';
import { RpcRequester } from '../rpc/rpc.requester.js';
import { REQUEST_OPTIONS, type RequestOptions } from './request-options.js';
import { PUBLISH_CHECKS, type PublishOptions } from './publish-options.js';
import type { PublishReceipt } from '../connection/publish-receipt.js';
import { checkedCompression, compressed, type Compression } from '../serialization/compression.js';
import type { MessageSerializers } from '../serialization/message-serializers.js';
import { PublisherChannel } from './publisher-channel.js';
import type { CheckedPublisherOptions } from './publisher-options.js';
import type { Environment } from '../common/environment.js';
import { PendingReceipt } from './pending-receipt.js';
import { refuseUnknown } from '../common/known-options.js';
import { expectValue, type ValueCheck } from '../common/option-values.js';
import { expirationOf, timeLimit } from '../common/duration.js';
import type { DeclaredStaircase } from '../delay/declared-staircase.js';
import { delayOf } from '../delay/delay-time.js';
import { isForDelayedExchange } from '../delay/delayed-exchange.js';
import { DelayedPublisher } from '../delay/delayed-publisher.js';

const TRANSIENT = 1;
const PERSISTENT = 2;

/** A method that sends, with its options. */
interface Sending {
  readonly method: string;
  readonly checks: ReadonlyMap<string, ValueCheck>;
  readonly deliveryMode: number;
}

const CHECKS = Object.entries(PUBLISH_CHECKS);
const PUBLISH: Sending = { method: 'publish', checks: new Map(CHECKS), deliveryMode: PERSISTENT };
const REQUEST: Sending = {
  method: 'request',
  checks: new Map(CHECKS.filter(([name]) => REQUEST_OPTIONS.includes(name))),
  deliveryMode: TRANSIENT,
};

/** The parts of a connection that a publisher uses. */
export interface PublishingConnection {
  readonly connections: AmqpConnections;
  readonly serializers: MessageSerializers;
  readonly events: ConnectionEvents;
  /** What the publishers of the connection have declared for delayed messages. */
  readonly staircase: DeclaredStaircase;
}

/**
 * Publishes messages and reports for each one whether the broker has it (https://www.rabbitmq.com/docs/confirms).
 *
 * @example
 * ```ts
 * constructor(private readonly publisher: ConfirmingPublisher) {}
 *
 * const { messageId } = await this.publisher.publish('orders', 'order.created', order);
 * ```
 *
 * @publicApi
 */
export class ConfirmingPublisher {
  /**
   * Emits each confirmed message of this connection. Completes when the application shuts down, as the other streams
   * do.
   */
  readonly confirms$: Observable<PublishReceipt>;
  /** Emits each message of this connection that the broker returned because no queue is bound for it. */
  readonly returns$: Observable<ReturnedMessage>;
  /** Emits each consumer of this connection that the broker cancelled. */
  readonly cancels$: Observable<ConsumerCancelledEvent>;
  /** Emits the state of the publishing connection: the current state, then each change. */
  readonly state$: Observable<AmqpConnectionState>;
  private readonly environment: Environment;
  private readonly channel: PublisherChannel;
  private readonly requester: RpcRequester;
  private readonly compression: Compression | undefined;
  private readonly delayed: DelayedPublisher;

  /** The module creates it; inject it. */
  constructor(
    private readonly connection: PublishingConnection,
    options: CheckedPublisherOptions = {},
  ) {
    const { connections, events, serializers } = connection;
    this.compression = options.compression;
    this.environment = connections.environment;
    this.confirms$ = events.confirms.asObservable();
    this.returns$ = events.returns.asObservable();
    this.cancels$ = events.cancels.asObservable();
    this.state$ = connections.publishing.changes$;
    this.channel = new PublisherChannel(connections, options);
    this.delayed = new DelayedPublisher(connection.staircase, {
      clock: this.environment.clock,
      timeout: options.timeout,
      maxWaiting: options.maxWaiting,
      maxWaitingBytes: options.maxWaitingBytes,
      whenUnavailable: options.whenUnavailable,
      isAvailable: () => connections.publishing.state === 'open',
      publish: (...message) => this.channel.publish(...message),
    });
    // A request that is sent again could be handled twice, and its first reply is lost with the channel.
    const asking = { ...options, republishUnconfirmed: false };
    this.requester = new RpcRequester(
      (prepare) => new PublisherChannel(connections, asking, prepare),
      this.environment,
      serializers,
      options.timeout,
      () => connections.publishing.away,
    );
  }

  /** @internal Output of `console.log`. */
  get shown(): object {
    const { name, publishing } = this.connection.connections;
    return { connection: name, state: publishing.state };
  }

  /**
   * Publishes to an exchange and resolves when the broker has confirmed the message. With `delay` or `at` the broker
   * keeps the message and sends it to the exchange later: the promise resolves when the broker has it.
   *
   * @param payload any JSON value, a string or bytes; see {@link PublishOptions.contentType}
   * @throws MessageReturnedError if no queue is bound for the exchange and key (312 NO_ROUTE), unless `mandatory:
   * false`
   * @throws PublishNackedError if the broker could not take the message, for example because a queue with `overflow:
   * 'reject-publish'` is full
   * @throws NotFoundError if the exchange does not exist
   * @throws PublishTimeoutError if no confirm arrived within the timeout; `outcome` says whether the broker may have
   * the message
   * @throws ConnectionLostError if the connection was lost, with `outcome`
   * @throws ChannelClosedError if an error of another message closed the channel, with `outcome`
   * @throws PublishRefusedError if too many publishes wait, or with `whenUnavailable: 'fail'`; nothing was sent
   * @throws SerializationError, EncodingError if the payload or a property cannot be encoded; nothing was sent
   * @throws ConfigurationError for an unknown option or an invalid value; nothing was sent
   */
  publish(
    exchange: string,
    routingKey: string,
    payload: unknown,
    options: PublishOptions = {},
  ): Promise<PublishReceipt> {
    try {
      return this.send(exchange, routingKey, payload, options);
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  /**
   * Publishes to one queue, by its name, through the default exchange.
   *
   * @throws MessageReturnedError if the queue does not exist; otherwise as {@link publish}
   */
  sendToQueue(queue: string, payload: unknown, options?: PublishOptions): Promise<PublishReceipt> {
    return this.publish('', queue, payload, options);
  }

  /**
   * Sends a request and resolves with its reply: RPC over direct reply-to
   * (https://www.rabbitmq.com/docs/direct-reply-to). One channel carries any number of requests at once. The other side
   * is a method with `@AmqpRpc`, or any client that publishes a reply to `reply-to` with the same `correlation-id`. By
   * default the request is not persistent, and expires in its queue when its timeout ends.
   *
   * @throws RpcRemoteError if the handler failed
   * @throws RpcTimeoutError if no reply arrived within the timeout
   * @throws MessageReturnedError if no queue is bound for the request
   * @throws ConnectionLostError, ChannelClosedError if the reply cannot arrive any more; with `outcome: 'unknown'`, the
   * request may have been handled
   * @throws UndecodableMessageError if the reply does not match its content type; otherwise as {@link publish}
   */
  async request<Reply = unknown>(
    exchange: string,
    routingKey: string,
    payload: unknown,
    options: RequestOptions = {},
  ): Promise<Reply> {
    expectOptions(REQUEST, options);
    const { environment } = this;
    const properties = completed(REQUEST, options, environment.uniqueId, environment.clock.now());
    const body = this.encode(payload, options, properties);
    try {
      return (await this.requester.request(exchange, routingKey, body, properties)) as Reply;
    } catch (error) {
      throw this.failed(error);
    }
  }

  /** @internal Waits for outstanding confirms and fails unanswered requests. */
  async close(): Promise<void> {
    this.delayed.close();
    await Promise.all([this.channel.close(), this.requester.close()]);
  }

  /** @throws what is wrong with the call; nothing was sent */
  private send(
    exchange: string,
    routingKey: string,
    payload: unknown,
    options: PublishOptions,
  ): Promise<PublishReceipt> {
    expectOptions(PUBLISH, options);
    const { environment, connection } = this;
    const start = environment.clock.now();
    const delay = delayOf('publish', options, environment.clock);
    const properties = completed(PUBLISH, options, environment.uniqueId, start);
    const body = this.encode(payload, options, properties);
    const { clock } = environment;
    const receipt = new PendingReceipt(clock, connection.events, properties.messageId, exchange, routingKey, start);
    if (delay === 0) return this.channel.publishFor(receipt, exchange, routingKey, body, properties);
    const delayed = this.delayed.publish({ exchange, routingKey, body, properties, delay });
    return outcomeOf(delayed, receipt) as Promise<PublishReceipt>;
  }

  /**
   * Returns the body, and adds its content type and encoding to the properties. At once, so that messages leave in the order
   * of their publishes.
   *
   * @throws SerializationError, ConfigurationError
   */
  private encode(payload: unknown, options: PublishOptions, properties: CompletedOptions): Uint8Array {
    const { contentType, contentEncoding, compress } = options;
    let encoded = this.connection.serializers.encode(payload, contentType);
    if (contentEncoding !== undefined || compress !== undefined || this.compression !== undefined) {
      const compression = compress === undefined ? this.compression : checkedCompression('publish: compress', compress);
      encoded = compressed(payload, encoded, { contentEncoding, compression });
    }
    properties.contentType ??= encoded.contentType;
    if (encoded.contentEncoding !== undefined) properties.contentEncoding = encoded.contentEncoding;
    return encoded.body;
  }

  private failed(error: unknown): unknown {
    if (error instanceof MessageReturnedError) this.connection.events.returns.next(error.returned);
    return error;
  }
}

/** Options that the client core does not have. */
const OWN: ReadonlySet<string> = new Set(['persistent', 'compress', 'delay', 'at'] satisfies (keyof PublishOptions)[]);

/** @throws ConfigurationError for `null` and other values that are no object */
function expectOptions({ method, checks }: Sending, options: unknown): void {
  if (Object(options) !== options) refuseUnknown(method, options as object, [...checks.keys()]);
}

/** @throws ConfigurationError always */
function expectKnown(method: string, name: string, checks: Sending['checks']): never {
  refuseUnknown(method, { [name]: 0 }, [...checks.keys()]);
  throw new ConfigurationError(`${method}: unknown option '${name}'`);
}

interface CompletedOptions extends BasicPublishOptions {
  readonly [CHECKED_AT]: number;
  messageId: string;
  mandatory: boolean;
  contentType: string | undefined;
  contentEncoding?: string | undefined;
  expiration?: string | number | undefined;
  timeout?: number | undefined;
}

/**
 * Checks the options, converts them to the client's names and adds our defaults. The properties are copied one by one: rest
 * and spread take V8 fifty times as long.
 *
 * @throws ConfigurationError that names the option
 */
function completed(
  { method, checks, deliveryMode: byDefault }: Sending,
  options: PublishOptions,
  uniqueId: () => string,
  calledAt: number,
): CompletedOptions {
  const { persistent, messageId = uniqueId() } = options;
  const deliveryMode = persistent === undefined ? byDefault : persistent ? PERSISTENT : TRANSIENT;
  const all: Record<string, unknown> & CompletedOptions = {
    [CHECKED_AT]: calledAt,
    contentType: undefined,
    deliveryMode,
    messageId,
    mandatory: true,
  };
  for (const name in options) {
    const check = checks.get(name) ?? expectKnown(method, name, checks);
    const value = options[name as keyof PublishOptions];
    if (value === undefined) continue;
    if (!check.fits(value)) expectValue(`${method}: ${name}`, value, check);
    if (!OWN.has(name)) all[name] = value;
  }
  const { mandatory, headers, expiration, timeout } = options;
  if (mandatory === undefined && isForDelayedExchange(headers as FieldTable | undefined)) all.mandatory = false;
  if (expiration !== undefined) all.expiration = expirationOf(expiration);
  if (timeout !== undefined) all.timeout = timeLimit(timeout, 'timeout');
  return all;
}

showAs(ConfirmingPublisher, (publisher) => publisher.shown);
