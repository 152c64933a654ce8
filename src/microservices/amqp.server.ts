import type { CustomTransportStrategy } from '@nestjs/microservices';
import { ConnectionLostError, type Channel, type Connection, type Consumer } from '../../lib/client/index.js';
import { OwnConnection, type ConnectionSource, type TransportConnections } from './connection-source.js';
import { MessageServer } from './message-server.js';
import { ServerClosingError } from './microservices.errors.js';
import { ReplySender } from './reply-sender.js';
import { connectionOptions } from './socket-options.js';
import { TransportEvents, type AmqpTransportEvents } from './transport-events.js';
import { checkOptions, type AmqpTransportOptions } from './transport-options.js';
import { declareForServer, type ServerQueue } from './transport-topology.js';

/**
 * Tells handlers apart by transport: `@EventPattern('order.created', AMQP_TRANSPORT)` is for this transport only.
 *
 * @publicApi
 */
export const AMQP_TRANSPORT = Symbol('amqp');

const DEFAULT_PREFETCH = 100;
const DEFAULT_GRACE = 10_000;
/** For the last replies to leave, ms. */
const FAREWELL = 1_000;

/** A server that consumes. */
interface Session {
  readonly connections: TransportConnections;
  readonly queue: ServerQueue;
  readonly channel: Channel;
  readonly replyChannel: Channel;
  readonly consumer: Consumer;
}

/**
 * Serves `@MessagePattern` and `@EventPattern` handlers from RabbitMQ: in place of `Transport.RMQ`, whose options, wire
 * format and handlers it takes as they are. Messages are acknowledged after their handlers; see
 * docs/migrating-from-transport-rmq.md for what else is different.
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
  private session: Session | undefined;
  private closing: Promise<void> | undefined;
  private said = false;

  /**
   * @param source of its connections; {@link AmqpService} gives that of the module. Default: one of its own
   * @throws ConfigurationError for an option that is not known or cannot work
   */
  constructor(options: AmqpTransportOptions = {}, source?: ConnectionSource) {
    super(options);
    checkOptions('AmqpServer', options);
    const { maxConnectionAttempts = -1, queue = '' } = options;
    const attempts = maxConnectionAttempts < 0 ? Infinity : maxConnectionAttempts;
    const connection = { connectionName: `nest-amqp server ${queue}`.trimEnd(), ...connectionOptions(options) };
    this.source = source ?? new OwnConnection(connection, this.logger, attempts);
  }

  /**
   * Connects, declares and consumes. Nest calls it in `app.listen()`, which rejects with what it hands to the callback:
   * ConnectionError and its kind, TopologyError, NotFoundError for a queue that is not there, ConfigurationError.
   */
  async listen(callback: (error?: unknown) => void): Promise<void> {
    let failure: unknown;
    try {
      await this.start();
    } catch (error) {
      failure = error;
    }
    if (failure === undefined) callback();
    else callback(failure);
  }

  /**
   * Takes no more messages, waits `gracePeriod` ms for the handlers that run, then closes. What has no answer by then is
   * requeued; a stream that has begun is ended with an error. May be called again.
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

  /** The {@link Connection} that it consumes on. @throws Error before it listens */
  unwrap<T = Connection>(): T {
    if (!this.session) {
      throw new Error('AmqpServer has no connection yet: call listen() or startAllMicroservices() before unwrap()');
    }
    return this.session.connections.consuming as T;
  }

  private async start(): Promise<void> {
    this.sayDefaults();
    const connections = await this.source.open();
    try {
      this.session = await this.consume(connections);
    } catch (error) {
      this.events.unwatch();
      await this.source.close();
      throw error;
    }
    this.events.connected();
  }

  private async consume(connections: TransportConnections): Promise<Session> {
    const { prefetchCount = DEFAULT_PREFETCH, noAck = false, consumerTag } = this.options;
    const { consuming, publishing } = connections;
    this.events.watch(consuming);
    const queue = await declareForServer(consuming, this.options, this.messageHandlers.keys());
    const channel = await consuming.openChannel({ prefetch: prefetchCount });
    const replyChannel = await publishing.openChannel({ confirm: true });
    try {
      channel.on('lost', (error) =>
        this.abandonReplies(new ConnectionLostError(error.message, 'unknown', { cause: error })),
      );
      const route = { queue: queue.name, replies: new ReplySender(replyChannel, this.serializer, this.logger) };
      const consumer = await channel.basicConsume(queue.name, (delivery) => this.handleDelivery(delivery, route), {
        noAck,
        ...(consumerTag === undefined ? {} : { consumerTag }),
      });
      void consumer.closed.then((error) => {
        if (!error) return;
        this.logger.error(`Lost the consumer of queue '${queue.name}': ${error.message}`);
        this.events.disconnected();
        this.events.failed(error);
      });
      this.logger.log(`Consuming queue '${queue.name}', ${prefetchCount === 0 ? 'no' : prefetchCount} prefetch`);
      return { connections, queue, channel, replyChannel, consumer };
    } catch (error) {
      await Promise.all([channel.close(), replyChannel.close()]);
      throw error;
    }
  }

  private async closeOnce(): Promise<void> {
    const { session } = this;
    this.session = undefined;
    if (session) await this.drain(session);
    this.events.unwatch();
    await this.source.close();
    if (session) this._status$.next('disconnected');
  }

  private async drain({ consumer, channel, replyChannel, queue }: Session): Promise<void> {
    const { gracePeriod = DEFAULT_GRACE } = this.options;
    // Where the connection breaks now, the broker requeues; closing the channel keeps the consumer from coming back.
    await consumer.cancel().catch(() => channel.close());
    if (!(await within(gracePeriod, consumer.idle()))) {
      this.logger.warn(
        `Handlers still run ${gracePeriod} ms after the server was told to close: requeueing their messages`,
      );
      this.abandonReplies(new ServerClosingError('the service is shutting down'));
      await within(FAREWELL, consumer.idle());
    }
    await replyChannel.close();
    if (queue.exclusive) await channel.queueDelete(queue.name).catch(() => {});
    await channel.close();
  }

  private sayDefaults(): void {
    if (this.said) return;
    this.said = true;
    const { noAck, queue = '' } = this.options;
    if (noAck !== undefined) return;
    this.logger.log(
      `Messages of queue '${queue}' are acknowledged after their handlers. Transport.RMQ, without noAck, acknowledges ` +
        'them when they are delivered: say noAck: true for that, or noAck: false to have this line gone',
    );
  }
}

/** Whether it is done in time. */
async function within(timeout: number, work: Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), timeout);
  });
  const inTime = await Promise.race([work.then(() => true), late]);
  clearTimeout(timer);
  return inTime;
}
