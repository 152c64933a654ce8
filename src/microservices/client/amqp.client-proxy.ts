import { showAs } from '../../../lib/shown/index.js';
import { AsyncResource } from 'node:async_hooks';
import { Observable } from 'rxjs';
import { ClientProxy, type IncomingResponse, type ReadPacket, type WritePacket } from '@nestjs/microservices';
import {
  ConfigurationError,
  ConnectionClosedError,
  ConnectionLostError,
  PublishRefusedError,
  PublishTimeoutError,
  publishDefaults,
  type Connection,
  type Delivery,
} from '../../../lib/client/index.js';
import type { Clock } from '../../../lib/environment/index.js';
import { checkedTimeout, timeLimit } from '../../common/duration.js';
import { FieldLogger } from '../../common/field-logger.js';
import { delayOf } from '../../delay/delay-time.js';
import { isThenable } from '../../common/thenable.js';
import type { AmqpRecordOptions } from '../packets/amqp.record.js';
import { OwnConnection, type ConnectionSource } from '../connection-source.js';
import { parseBody, patternText } from '../packets/incoming-packet.js';
import {
  messageProperties,
  outgoingPacket,
  recordSerializer,
  type OutgoingPacket,
  type MutableProperties,
} from '../packets/outgoing-packet.js';
import { DIRECT_REPLY_TO } from '../../rpc/direct-reply-to.js';
import type { ReplyPacket } from '../../rpc/pending-requests.js';
import { Requester } from '../../rpc/requester.js';
import { RequestTimeoutError } from '../microservices.errors.js';
import { ClientSession, type SessionHost } from './client-session.js';
import { UnsentEvents } from './unsent-events.js';
import { connectionOptions } from '../options/connection-options.js';
import { policyOf } from '../options/event-retries.js';
import { TransportEvents, type AmqpStatus, type AmqpTransportEvents } from '../transport-events.js';
import {
  checkOptions,
  exchangeOf,
  publishesToExchange,
  type AmqpTransportOptions,
} from '../options/transport-options.js';

/** ms. */
const REQUEST_TIMEOUT = 30_000;

/** The type that Nest's own clients give to patterns, payloads and results, which they do not check. */
type Unchecked = Parameters<ClientProxy['send']>[0];

/** One subscriber's request. */
interface Request {
  readonly id: string;
  readonly callback: (packet: WritePacket) => void;
  /** True once its subscriber has left. */
  left: boolean;
  /** Withdraws the request while it cannot be sent. */
  waiting: AbortController | undefined;
}

/**
 * Sends requests and events to microservices of `AmqpServer` or `Transport.RMQ`. It replaces the client of `Transport.RMQ`
 * and has the same options, wire format and records.
 *
 * - `send()` sends a request. It fails at once if no queue takes the request or the connection is lost, and with
 *   {@link RequestTimeoutError} if no reply arrives within `requestTimeout` (default 30 s).
 * - `emit()` sends an event. It completes when the broker has confirmed the event. While the connection is lost, events
 *   wait up to `publishTimeout` (default 30 s).
 *
 * @example
 * ```ts
 * ClientsModule.register([{ name: 'ORDERS', customClass: AmqpClientProxy, options: { queue: 'orders' } }]);
 *
 * constructor(@Inject('ORDERS') private readonly orders: AmqpClientProxy) {}
 *
 * const order = await firstValueFrom(this.orders.send<Order>('order.find', { id }));
 * await lastValueFrom(this.orders.emit('order.created', order));
 * ```
 *
 * @see https://www.rabbitmq.com/docs/direct-reply-to
 * @see https://www.rabbitmq.com/docs/confirms
 * @publicApi
 */
export class AmqpClientProxy extends ClientProxy<AmqpTransportEvents> {
  private readonly logger = new FieldLogger('AmqpClientProxy');
  private readonly source: ConnectionSource;
  private readonly transportEvents = new TransportEvents((status) => this._status$.next(status));
  /** In ms; 0 or Infinity for no limit. */
  private readonly requestTimeout: number;
  /** In ms. */
  private readonly publishTimeout: number;
  /** The destination of messages. With an exchange, the pattern of a message is its routing key. */
  private readonly target: { readonly exchange: string; readonly queue: string | undefined };
  private readonly sessionHost: SessionHost;
  private session: ClientSession;
  private readonly unsent: UnsentEvents;

  /**
   * @param source provides the connection; {@link AmqpService} gives the module's. Default: a connection of its own
   * @throws ConfigurationError for unknown options, and for values that cannot work
   */
  constructor(
    private readonly options: AmqpTransportOptions = {},
    source?: ConnectionSource,
  ) {
    super();
    checkOptions('AmqpClientProxy', options);
    // Without effect here, but one object may serve a server, too.
    policyOf('AmqpClientProxy', options);
    const { queue, replyQueue = DIRECT_REPLY_TO, serializer = recordSerializer } = options;
    const { requestTimeout = REQUEST_TIMEOUT, publishTimeout = publishDefaults.publishTimeout } = options;
    const exchange = publishesToExchange(options) ? exchangeOf(options) : undefined;
    if (exchange === undefined && !queue) {
      throw new ConfigurationError(
        'AmqpClientProxy has no destination: set `queue` to the queue of the service, or set an exchange',
      );
    }
    this.target = exchange === undefined ? { exchange: '', queue } : { exchange, queue: undefined };
    this.requestTimeout = timeLimit(requestTimeout, 'AmqpClientProxy: requestTimeout');
    this.publishTimeout = checkedTimeout(publishTimeout, 'AmqpClientProxy: publishTimeout');
    this.serializer = serializer;
    this.initializeDeserializer(options as never);
    this.source = source ?? new OwnConnection('client', options, connectionOptions(options, 'client'), this.logger);
    this.sessionHost = {
      source: this.source,
      options,
      replyQueue,
      transportEvents: this.transportEvents,
      logger: this.logger,
      scope: new AsyncResource('AmqpClientProxy'),
      newRequester: (clock) => this.newRequester(clock, replyQueue),
    };
    this.session = new ClientSession(this.sessionHost);
    this.unsent = new UnsentEvents(this.describeTarget(), this.logger, () => this.source.environment.clock);
  }

  /**
   * Connects the client, unless it is connected. Requests and events connect by themselves; call it to find errors at the
   * start. A call after a failure or after `close()` connects again.
   *
   * @throws ConnectionError and its subclasses, TopologyError, ConfigurationError
   */
  async connect(): Promise<Connection> {
    return (await this.live.open()).connection;
  }

  /**
   * Closes the client. Pending requests fail with ConnectionClosedError. Events that are not confirmed yet get up to 10 s.
   * A later call of `connect()`, `send()` or `emit()` connects again. Has no effect on a closed client.
   */
  async close(): Promise<void> {
    const { session } = this;
    const { connected } = session;
    this.session = new ClientSession(this.sessionHost);
    await session.close(new ConnectionClosedError('the client was closed before the reply came'));
    this.unsent.flush();
    this.transportEvents.unwatch();
    // Also ends a connection that is only being opened.
    await this.source.close();
    if (connected) this._status$.next('disconnected');
  }

  /** Emits the present state of the connection, then each change: `connected`, `disconnected`, `blocked`, `unblocked`. */
  override get status(): Observable<AmqpStatus> {
    return super.status as Observable<AmqpStatus>;
  }

  /**
   * Registers a listener for an event of the connection.
   *
   * @example
   * ```ts
   * client.on('disconnected', (error) => logger.warn(error));
   * ```
   */
  override on<E extends keyof AmqpTransportEvents = keyof AmqpTransportEvents>(
    event: E,
    callback: AmqpTransportEvents[E],
  ): void {
    this.transportEvents.on(event, callback);
  }

  /** Returns the {@link Connection}. @throws Error before the client has connected */
  unwrap<T = Connection>(): T {
    const { connection } = this.session;
    if (!connection) throw new Error('AmqpClientProxy has no connection yet: await connect() before unwrap()');
    return connection as T;
  }

  /**
   * Sends a request for each subscriber and emits the reply, or each reply of a stream.
   *
   * @throws RequestTimeoutError without a reply within `requestTimeout`; MessageReturnedError if no queue takes the
   * request; ConnectionLostError if the connection is lost; the handler's error as the service has sent it
   */
  override send<TResult = Unchecked, TInput = Unchecked>(pattern: Unchecked, data: TInput): Observable<TResult> {
    if (isMissing(pattern) || isMissing(data)) return super.send<TResult>(pattern, data);
    // The base class waits for the connection with operators that cost as much as the request. Skip them when connected.
    return new Observable<TResult>((subscriber) => {
      const callback = this.createObserver(subscriber);
      if (this.session.connected) return this.publish(this.packetOf(pattern, data), callback);
      let leave: (() => void) | undefined;
      const publish = (): void => {
        if (!subscriber.closed) leave = this.publish(this.packetOf(pattern, data), callback);
      };
      this.connect()
        .then(publish)
        .catch((error: unknown) => subscriber.error(error));
      return () => leave?.();
    });
  }

  /**
   * Sends an event at once, even without a subscriber. Completes when the broker has confirmed the event. Failures are
   * logged, too.
   *
   * @throws MessageReturnedError if no queue takes the event; PublishTimeoutError without a confirm within
   * `publishTimeout`; PublishNackedError if the broker refuses the event
   */
  override emit<TResult = Unchecked, TInput = Unchecked>(pattern: Unchecked, data: TInput): Observable<TResult> {
    if (isMissing(pattern) || isMissing(data)) return super.emit<TResult>(pattern, data);
    const sent = this.sendEvent<TResult>(pattern, data);
    // Without a subscriber the failure is in the log only.
    sent.catch(() => {});
    return new Observable<TResult>((subscriber) => {
      sent.then(
        (result) => {
          subscriber.next(result);
          subscriber.complete();
        },
        (error: unknown) => subscriber.error(error),
      );
    });
  }

  /** Sends the request of one subscriber. Returns a function that is called when the subscriber leaves or completes. */
  protected publish(packet: ReadPacket, callback: (packet: WritePacket) => void): () => void {
    const { session } = this;
    // Replies arrive in the connection's async context; the subscriber expects its own. `AsyncResource.bind` would define
    // deprecated properties for each request.
    const scope = new AsyncResource('AmqpRequest');
    const request: Request = {
      id: this.source.environment.uniqueId(),
      callback: (reply) => scope.runInAsyncScope(callback, undefined, reply),
      left: false,
      waiting: undefined,
    };
    const fail = (err: unknown): void => {
      if (!request.left) request.callback({ err, isDisposed: true });
    };
    try {
      this.request(session, packet, request)?.catch(fail);
    } catch (error) {
      fail(error);
    }
    return () => {
      request.left = true;
      session.forget(request.id);
      request.waiting?.abort();
    };
  }

  /** Publishes an event and resolves when the broker has confirmed it. @throws the errors of `Channel.publish` */
  protected async dispatchEvent<T = unknown>(packet: ReadPacket): Promise<T> {
    const session = this.live;
    // Connects for requests, too.
    if (!session.connected) session.open().catch(() => {});
    try {
      const made = outgoingPacket(this.serializer, packet);
      const { body, options } = isThenable(made) ? await made : made;
      const properties = this.properties(options, { persistent: true });
      properties.timeout = this.publishTimeout;
      if (options.timeout !== undefined) properties.timeout = checkedTimeout(options.timeout, 'emit: timeout');
      const delay = delayOf('emit', options, this.source.environment.clock);
      await session.publishEvent({
        exchange: this.target.exchange,
        routingKey: this.routingKeyOf(packet),
        body,
        properties,
        delay,
      });
    } catch (error) {
      // The error of the connection, or the one that closed the channel, explains better why it was not sent.
      const { failure } = this.source;
      const reason = isUnsent(error) ? (error.cause ?? failure ?? error) : error;
      // emit() sends without a subscriber, who would be told; so the failure is logged.
      this.unsent.add(reason);
      throw reason;
    }
    return undefined as T;
  }

  /** @internal For `console.log`. */
  get shown(): object {
    return { ...this.target, connected: this.session.connected !== undefined };
  }

  /** The session, begun anew where the last one has ended. */
  private get live(): ClientSession {
    if (this.session.ended) this.session = new ClientSession(this.sessionHost);
    return this.session;
  }

  /** Never throws, even if the application's `createPacket` does. */
  private sendEvent<T>(pattern: unknown, data: unknown): Promise<T> {
    try {
      return this.dispatchEvent<T>(this.packetOf(pattern, data));
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  /** Sends the request, at once unless the serializer is asynchronous. */
  private request(session: ClientSession, packet: ReadPacket, request: Request): Promise<void> | undefined {
    const made = outgoingPacket(this.serializer, Object.assign(packet, { id: request.id }));
    return isThenable(made)
      ? made.then((outgoing) => this.sendRequest(session, packet, outgoing, request))
      : this.sendRequest(session, packet, made, request);
  }

  private sendRequest(
    session: ClientSession,
    packet: ReadPacket,
    { body, options }: OutgoingPacket,
    request: Request,
  ): undefined {
    if (request.left) return;
    if (options.delay !== undefined || options.at !== undefined) {
      throw new ConfigurationError('send: delay and at are for events, which have no reply; use emit()');
    }
    const { connected } = session;
    if (!connected) throw new ConnectionClosedError('the client was closed; the request was not sent');
    const { connection, requests } = connected;
    if (connection.state !== 'open') {
      throw new ConnectionLostError(
        'the request was not sent: the connection is lost and not restored yet',
        'not-sent',
      );
    }
    const timeout = options.timeout === undefined ? this.requestTimeout : timeLimit(options.timeout, 'timeout');
    const late = (): Error => new RequestTimeoutError(patternText(packet.pattern) ?? '', timeout);
    // The wait may be long, so the request is withdrawn if the subscriber leaves.
    if (connection.blocked !== undefined || !requests.isOpen) request.waiting = new AbortController();
    const { exchange } = this.target;
    const message = {
      exchange,
      routingKey: this.routingKeyOf(packet),
      body,
      properties: this.properties(options, { persistent: false }),
    };
    const terms = { timeout, late, signal: request.waiting?.signal };
    session.requester.send(requests, request.id, message, terms, request.callback);
  }

  private routingKeyOf({ pattern }: ReadPacket): string {
    return this.target.queue ?? patternText(pattern) ?? '';
  }

  /** Creates the packet. Nest's clients before 12.0.4 have no hook for it. */
  private packetOf(pattern: unknown, data: unknown): ReadPacket {
    return typeof this.createPacket === 'function' ? this.createPacket(pattern, data) : { pattern, data };
  }

  private describeTarget(): string {
    const { exchange, queue } = this.target;
    return queue === undefined ? `exchange '${exchange}'` : `queue '${queue}'`;
  }

  private properties(options: AmqpRecordOptions, { persistent }: { persistent: boolean }): MutableProperties {
    const { headers, mandatory } = this.options;
    return messageProperties(options, { headers, mandatory, persistent: this.options.persistent ?? persistent });
  }

  private newRequester(clock: Clock, replyQueue: string): Requester {
    const callbacks = this.routingMap as Map<string, (packet: ReplyPacket) => void>;
    const read = (reply: Delivery): ReplyPacket | PromiseLike<ReplyPacket> => {
      const packet = this.deserializer.deserialize(parseBody(reply.body), reply.properties);
      return isThenable(packet) ? packet.then(replyOf) : replyOf(packet);
    };
    return new Requester(clock, replyQueue, read, callbacks);
  }
}

function replyOf({ err, response, isDisposed }: Omit<IncomingResponse, 'id'>): ReplyPacket {
  return isDisposed || err ? { err, response, isDisposed: true } : { err, response };
}

function isUnsent(error: unknown): error is Error {
  return error instanceof PublishRefusedError || (error instanceof PublishTimeoutError && error.outcome === 'not-sent');
}

/** True if Nest reports the missing value with an error of its own. */
function isMissing(value: unknown): boolean {
  return value === undefined || value === null;
}

showAs(AmqpClientProxy, (client) => client.shown);
