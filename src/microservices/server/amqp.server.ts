import { showAs } from '../../../lib/shown/index.js';
import type { CustomTransportStrategy, MsPattern } from '@nestjs/microservices';
import { Subject, type Observable } from 'rxjs';
import { ConnectionClosedError, ConnectionLostError, type Connection } from '../../../lib/client/index.js';
import { ConsumerStartError } from '../../consumers/consumer.errors.js';
import { DESCRIBE, type ServerDescription } from '../../consumers/discovery/described-server.js';
import { SupervisedConsumer } from '../../consumers/lifecycle/supervised-consumer.js';
import type { ConsumerFailure } from '../../settlement/consumer-failure.js';
import { OwnConnection, SessionSource, type ConnectionSource } from '../connection-source.js';
import { FAREWELL, isDoneWithin } from '../../common/waiting.js';
import { watchHandlerFailures } from './handler-failures.js';
import { MessageServer } from './message-server.js';
import { ServerClosingError } from '../microservices.errors.js';
import { ReplySender } from './reply-sender.js';
import { ServerQueue } from './server-queue.js';
import { describeServer } from './server-description.js';
import { serverSettler } from './server-settler.js';
import { ServerSink } from './server-sink.js';
import { connectionOptions } from '../options/connection-options.js';
import { policyOf } from '../options/event-retries.js';
import { TransportEvents, type AmqpTransportEvents } from '../transport-events.js';
import { checkOptions, type AmqpTransportOptions } from '../options/transport-options.js';

/**
 * Selects this transport for a handler: `@EventPattern('order.created', AMQP_TRANSPORT)` is called by this transport
 * only.
 *
 * @publicApi
 */
export const AMQP_TRANSPORT = Symbol('amqp');

const DEFAULT_PREFETCH = 100;
const CLOSING = 'the service is shutting down';

/** What a server consists of from `listen()` to `close()`. */
interface Session {
  readonly source: SessionSource;
  readonly consumer: SupervisedConsumer;
  readonly queue: ServerQueue;
  readonly replies: ReplySender;
}

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
  private session: Session | undefined;
  private closing: Promise<void> | undefined;
  private said = false;

  /**
   * @param source source of connections; {@link AmqpService} passes the module's. Default: its own connection
   * @throws ConfigurationError for an unknown option or an invalid value
   */
  constructor(options: AmqpTransportOptions = {}, source?: ConnectionSource) {
    super(checkOptions('AmqpServer', options));
    policyOf('AmqpServer', options);
    watchHandlerFailures();
    this.source = source ?? new OwnConnection('server', options, connectionOptions(options, 'server'), this.lines);
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
      await (this.closing ?? this.end());
      failure = error instanceof ConsumerStartError ? error.cause : error;
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
    const connection = this.session?.queue.connection;
    if (!connection) {
      throw new Error('AmqpServer has no connection yet: call listen() or startAllMicroservices() before unwrap()');
    }
    return connection as T;
  }

  /** @internal For documents of AsyncAPI. */
  [DESCRIBE](): ServerDescription {
    return describeServer(this.options, this.source, this.transportId, (pattern) =>
      this.normalizePattern(pattern as MsPattern),
    );
  }

  /** @internal For `console.log`. */
  get shown(): object {
    return { queue: this.options.queue, consuming: this.session?.queue.connection !== undefined };
  }

  private async consume(): Promise<void> {
    const session = this.begin();
    this.session = session;
    await session.consumer.start();
    if (this.session !== session) throw new ConnectionClosedError('the server was closed while it was starting');
  }

  private begin(): Session {
    const { options, lines } = this;
    const source = new SessionSource(this.source, 'the server was closed');
    const { clock } = source.environment;
    const { prefetchCount: prefetch = DEFAULT_PREFETCH, noAck = false, consumerTag } = options;
    const replies = new ReplySender(source, this.serializer, lines);
    const queue = new ServerQueue(source, options, () => this.messageHandlers.keys(), {
      prepare: () => settler.prepare(),
      onConsuming: () => this.onConsuming(queue),
      onDown: (error) => this.onDown(error),
    });
    const settler = serverSettler(source, queue, (failure) => this.failures.next(failure), {
      redeliver: (delivery) => consumer.redeliver(delivery),
      stop: (cause) => void consumer.giveUp(cause),
      onHeldChange: () => consumer.onHeldChange(),
    });
    const sink = new ServerSink(clock, settler, replies, {
      handle: (delivery, route) => this.handleDelivery(delivery, route),
      abandonReplies: (cause) =>
        this.abandonReplies(
          cause ? new ConnectionLostError(cause.message, 'unknown', { cause }) : new ServerClosingError(CLOSING),
        ),
    });
    const consume = { prefetch, noAck, ...(consumerTag === undefined ? {} : { consumerTag }), arguments: () => ({}) };
    const consumer = new SupervisedConsumer(queue, consume, sink);
    return { source, consumer, queue, replies };
  }

  private onConsuming({ connection }: ServerQueue): void {
    if (!connection) return;
    this.events.watch(connection);
    this.events.connected();
  }

  private onDown(error: Error): void {
    this.events.disconnected();
    this.events.failed(error);
  }

  private async closeOnce(): Promise<void> {
    if (await this.end()) this.events.disconnected();
  }

  /** Ends what `listen()` began. @returns whether it consumed */
  private async end(): Promise<boolean> {
    const { session } = this;
    this.session = undefined;
    if (!session) {
      await this.source.close();
      return false;
    }
    const { clock } = this.source.environment;
    const end = clock.now() + session.queue.gracePeriod + FAREWELL;
    const left = (): number => Math.max(1, end - clock.now());
    await session.consumer.stop();
    await isDoneWithin(clock, left(), leave(session));
    this.events.unwatch();
    await session.source.close(left());
    return session.queue.connection !== undefined;
  }

  private sayDefaults(): void {
    if (this.said) return;
    this.said = true;
    const { noAck, queue = '' } = this.options;
    if (noAck !== undefined) return;
    this.lines.log(
      `Messages of queue '${queue}' are acknowledged after their handlers. Transport.RMQ acknowledges them when they ` +
        'are delivered; set noAck: true for that, or noAck: false to remove this line',
      { queue },
    );
  }
}

async function leave({ replies, queue }: Session): Promise<void> {
  await replies.close();
  await queue.leave();
}

showAs(AmqpServer, (server) => server.shown);
