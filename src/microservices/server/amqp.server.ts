import { showAs } from '../../../lib/shown/index.js';
import type { CustomTransportStrategy } from '@nestjs/microservices';
import { Subject, type Observable } from 'rxjs';
import { Backoff, pause } from '../../../lib/environment/index.js';
import { ConnectionLostError, type Connection } from '../../../lib/client/index.js';
import { describeError } from '../../common/log-text.js';
import type { ConsumerFailure } from '../../settlement/consumer-failure.js';
import { OwnConnection, type ConnectionSource } from '../connection-source.js';
import { watchHandlerFailures } from './handler-failures.js';
import { MessageServer } from './message-server.js';
import { ServerClosingError } from '../microservices.errors.js';
import { ServerSession, type SessionHost } from './server-session.js';
import { connectionOptions } from '../options/connection-options.js';
import { TransportEvents, type AmqpTransportEvents } from '../transport-events.js';
import { checkOptions, type AmqpTransportOptions } from '../options/transport-options.js';

/**
 * Selects this transport for a handler: `@EventPattern('order.created', AMQP_TRANSPORT)` is called by this transport
 * only.
 *
 * @publicApi
 */
export const AMQP_TRANSPORT = Symbol('amqp');

/** Waits between attempts to consume again, ms. The first attempt is immediate. */
const RECOVERY = { first: 500, max: 15_000 } as const;

/**
 * Serves `@MessagePattern` and `@EventPattern` handlers from RabbitMQ. It replaces `Transport.RMQ` and has the same
 * options, wire format and handlers. Messages are acknowledged after their handlers;
 * docs/migrating-from-transport-rmq.md lists the other differences.
 *
 * @example
 * ```ts
 * const app = await NestFactory.createMicroservice(AppModule, {
 *   strategy: new AmqpServer({ urls: ['amqp://localhost'], queue: 'orders' }),
 * });
 * ```
 *
 * @publicApi
 */
export class AmqpServer extends MessageServer implements CustomTransportStrategy {
  override transportId: symbol = AMQP_TRANSPORT;
  private readonly source: ConnectionSource;
  private readonly events = new TransportEvents((status) => this._status$.next(status));
  private readonly failures = new Subject<ConsumerFailure>();
  /** Every event that was not handled: its attempt, the cause, and what became of it. */
  readonly failures$: Observable<ConsumerFailure> = this.failures.asObservable();
  private session: ServerSession | undefined;
  private stop = new AbortController();
  private closing: Promise<void> | undefined;
  private said = false;

  /**
   * @param source source of connections; {@link AmqpService} passes the module's. Default: its own connection
   * @throws ConfigurationError for an unknown option or an invalid value
   */
  constructor(options: AmqpTransportOptions = {}, source?: ConnectionSource) {
    super(options);
    watchHandlerFailures();
    checkOptions('AmqpServer', options);
    this.source = source ?? new OwnConnection('server', options, connectionOptions(options, 'server'), this.logger);
  }

  /**
   * Connects, declares and consumes. Nest calls it in `app.listen()`, which rejects with the error that the callback
   * gets: a ConnectionError or a subclass, TopologyError, NotFoundError for a missing queue, ConfigurationError.
   */
  async listen(callback: (error?: unknown) => void): Promise<void> {
    let failure: unknown;
    try {
      this.sayDefaults();
      await this.consume();
    } catch (error) {
      this.events.unwatch();
      await this.source.close();
      failure = error;
    }
    if (failure === undefined) callback();
    else callback(failure);
  }

  /**
   * Stops consuming, waits up to `gracePeriod` for running handlers, then closes. Messages without a reply by then are
   * requeued; a stream that has begun ends with an error. May be called more than once.
   */
  close(): Promise<void> {
    return (this.closing ??= this.closeOnce().finally(() => (this.closing = undefined)));
  }

  on<E extends keyof AmqpTransportEvents = keyof AmqpTransportEvents>(
    event: E,
    callback: AmqpTransportEvents[E],
  ): void {
    this.events.on(event, callback);
  }

  /** Returns the {@link Connection} that consumes. @throws Error before the server listens */
  unwrap<T = Connection>(): T {
    if (!this.session) {
      throw new Error('AmqpServer has no connection yet: call listen() or startAllMicroservices() before unwrap()');
    }
    return this.session.connections.consuming as T;
  }

  /** @internal For `console.log`. */
  get shown(): object {
    return { queue: this.options.queue, consuming: this.session !== undefined };
  }

  private async consume(): Promise<void> {
    const { signal } = this.stop;
    const session = await ServerSession.open(this.source, this.host());
    if (signal.aborted) {
      // The server was closed while it was starting.
      await session.drain(new ServerClosingError('the service is shutting down'));
      throw signal.reason;
    }
    this.session = session;
    this.events.watch(session.connections.consuming);
    this.events.connected();
    void session.ended.then((error) => error && this.recover(session, error));
  }

  private host(): SessionHost {
    const { options, serializer, logger } = this;
    return {
      options,
      serializer,
      logger,
      patterns: () => this.messageHandlers.keys(),
      handle: (delivery, route) => this.handleDelivery(delivery, route),
      failed: (failure) => this.failures.next(failure),
      abandon: (reason) => {
        const closing = reason instanceof ServerClosingError;
        this.abandonReplies(closing ? reason : new ConnectionLostError(reason.message, 'unknown', { cause: reason }));
      },
    };
  }

  /**
   * Consumes again after an error, for example when its queue was deleted and may not be declared here, or when the
   * connection has given up.
   */
  private async recover(session: ServerSession, error: Error): Promise<void> {
    const { signal } = this.stop;
    if (signal.aborted || this.session !== session) return;
    this.logger.error(
      `Lost the consumer of queue '${this.options.queue ?? ''}': ${describeError(error)}; restoring it`,
    );
    this.events.disconnected();
    this.events.failed(error);
    await session.close();
    const { clock, random } = this.source.environment;
    const backoff = new Backoff(RECOVERY.first, RECOVERY.max, random);
    while (!signal.aborted) {
      try {
        return await this.consume();
      } catch (failure) {
        if (signal.aborted) return;
        this.logger.error(`Cannot consume queue '${this.options.queue ?? ''}' yet: ${describeError(failure)}`);
      }
      await pause(clock, backoff.next(), signal);
    }
  }

  private async closeOnce(): Promise<void> {
    const { session } = this;
    const reason = new ServerClosingError('the service is shutting down');
    this.session = undefined;
    this.stop.abort(reason);
    this.stop = new AbortController();
    await session?.drain(reason);
    this.events.unwatch();
    await this.source.close();
    if (session) this.events.disconnected();
  }

  private sayDefaults(): void {
    if (this.said) return;
    this.said = true;
    const { noAck, queue = '' } = this.options;
    if (noAck !== undefined) return;
    this.logger.log(
      `Messages of queue '${queue}' are acknowledged after their handlers. Transport.RMQ acknowledges them when they ` +
        'are delivered; set noAck: true for that, or noAck: false to remove this line',
    );
  }
}

showAs(AmqpServer, (server) => server.shown);
