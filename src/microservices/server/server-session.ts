import type { Logger } from '@nestjs/common';
import type { Serializer } from '@nestjs/microservices';
import type { Channel, Consumer, Delivery } from '../../../lib/client/index.js';
import type { Clock } from '../../../lib/environment/index.js';
import { timeLimit } from '../../common/duration.js';
import { isDoneWithin } from '../../common/waiting.js';
import type { ConsumerFailure } from '../../settlement/consumer-failure.js';
import { ConsumerWindow } from '../../settlement/consumer-window.js';
import type { Settler } from '../../settlement/settler.js';
import type { ConnectionSource, TransportConnections } from '../connection-source.js';
import { ReplySender } from './reply-sender.js';
import { serverSettler } from './server-settler.js';
import { isTakenAsItIs, type AmqpTransportOptions } from '../options/transport-options.js';
import { declareForServer, type ServerQueue } from '../options/transport-topology.js';

const DEFAULT_PREFETCH = 100;
const DEFAULT_GRACE = 10_000;
/** Time for the last replies to be sent, ms. */
const FAREWELL = 1_000;

/** The source of messages, their settlement, and the path of replies. */
export interface Route {
  readonly queue: string;
  readonly settler: Settler;
  readonly replies: ReplySender;
}

/** The server, as its session sees it. */
export interface SessionHost {
  readonly options: AmqpTransportOptions;
  readonly serializer: Serializer;
  readonly logger: Logger;
  /** Patterns of the server's handlers. */
  patterns(): Iterable<string>;
  /** Handles one message. Never rejects. */
  handle(delivery: Delivery, route: Route): Promise<void>;
  /** An event was not handled. */
  failed(failure: ConsumerFailure): void;
  /** The broker has given its messages to others: what is still being answered is not to be answered here. */
  abandon(reason: Error): void;
}

/** A server that consumes its queue, until it is drained or its consumer has ended for good. */
export class ServerSession {
  /** Resolves when nothing comes any more: with the reason, unless it was asked for. */
  readonly ended: Promise<Error | undefined>;
  private resolveEnded!: (reason: Error | undefined) => void;
  private readonly settler: Settler;
  private readonly route: Route;
  private readonly window: ConsumerWindow;
  private readonly clock: Clock;
  private readonly prefetch: number;
  private consumer: Consumer | undefined;
  private state: 'consuming' | 'renewing' | 'draining' = 'consuming';

  private constructor(
    private readonly host: SessionHost,
    source: ConnectionSource,
    readonly connections: TransportConnections,
    private readonly queue: ServerQueue,
    private readonly channel: Channel,
    replyChannel: Channel,
    options: AmqpTransportOptions,
  ) {
    this.ended = new Promise((resolve) => (this.resolveEnded = resolve));
    this.clock = source.environment.clock;
    this.prefetch = options.prefetchCount ?? DEFAULT_PREFETCH;
    const server = {
      consumer: () => this.consumer,
      stop: () => void this.consumer?.cancel(),
      onHeld: () => void this.window.onHeld(),
    };
    this.settler = serverSettler(source, queue, options, server, (failure) => host.failed(failure));
    const replies = new ReplySender(connections.publishing, replyChannel, host.serializer, host.logger);
    this.route = { queue: queue.name, settler: this.settler, replies };
    this.window = new ConsumerWindow({
      prefetch: this.prefetch,
      held: () => this.settler.held,
      isConsuming: () => this.state === 'consuming' && this.consumer?.active === true,
      registerAnew: () => this.registerAnew(),
    });
    channel.on('lost', (error) => {
      this.settler.abandon(error);
      host.abandon(error);
    });
  }

  /** @throws ConnectionError or a subclass, TopologyError, ChannelError, ConfigurationError */
  static async open(source: ConnectionSource, host: SessionHost): Promise<ServerSession> {
    const { prefetchCount = DEFAULT_PREFETCH } = host.options;
    const connections = await source.open();
    const { consuming, publishing } = connections;
    const options = { ...host.options, noAssert: isTakenAsItIs(host.options, source.topology) };
    const queue = await declareForServer(consuming, options, host.patterns());
    const channel = await consuming.openChannel({ prefetch: prefetchCount });
    const replyChannel = await publishing.openChannel({ confirm: true });
    const session = new ServerSession(host, source, connections, queue, channel, replyChannel, options);
    try {
      await session.start();
      return session;
    } catch (error) {
      await Promise.all([channel.close(), replyChannel.close()]);
      throw error;
    }
  }

  private async start(): Promise<void> {
    const { host, queue, prefetch } = this;
    const { noAck = false } = host.options;
    if (!noAck) await this.settler.prepare();
    await this.consume();
    const limit = prefetch === 0 || prefetch === Infinity || noAck ? 'without limit' : `${prefetch} at a time`;
    host.logger.log(`Consuming queue '${queue.name}', ${limit}`);
  }

  private async consume(): Promise<void> {
    const { noAck = false, consumerTag } = this.host.options;
    const handle = (delivery: Delivery): Promise<void> => this.host.handle(delivery, this.route);
    const consumer = await this.channel.basicConsume(this.queue.name, handle, {
      noAck,
      ...(consumerTag === undefined ? {} : { consumerTag }),
      onTooLarge: (delivery, size, limit) => void this.settler.settleTooLarge(delivery, size, limit),
    });
    this.consumer = consumer;
    void consumer.closed.then((error) => {
      if (this.consumer === consumer && this.state !== 'renewing') this.resolveEnded(error);
    });
  }

  /** With all places of its prefetch, though messages are held. */
  private async registerAnew(): Promise<void> {
    this.state = 'renewing';
    try {
      await this.consumer?.cancel();
      if (this.draining) return;
      await this.consume();
      if (!this.draining) this.state = 'consuming';
    } catch (error) {
      this.resolveEnded(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** A getter, since it changes while others are waited for. */
  private get draining(): boolean {
    return this.state === 'draining';
  }

  /**
   * Stops consuming, waits up to `gracePeriod` for running handlers, and requeues messages that are not settled by
   * then.
   */
  async drain(closing: Error): Promise<void> {
    const { channel, host, clock } = this;
    this.state = 'draining';
    const gracePeriod = timeLimit(host.options.gracePeriod ?? DEFAULT_GRACE, 'AmqpServer: gracePeriod');
    // Where the connection breaks now, the broker requeues; closing the channel keeps the consumer from coming back.
    await this.consumer?.cancel().catch(() => channel.close());
    this.settler.release();
    if (!(await isDoneWithin(clock, gracePeriod, this.idle()))) {
      host.logger.warn(
        `Handlers of queue '${this.queue.name}' still run after ${gracePeriod} ms; their messages are requeued`,
      );
      host.abandon(closing);
      await isDoneWithin(clock, FAREWELL, this.idle());
    }
    await this.close();
  }

  /** No handler runs, and no message is on its way to another queue. */
  private async idle(): Promise<void> {
    await this.consumer?.idle();
    await this.settler.idle();
  }

  async close(): Promise<void> {
    await this.route.replies.close();
    // On a connection that lives on it would be left behind.
    if (this.queue.exclusive && this.channel.isOpen) await this.channel.queueDelete(this.queue.name).catch(() => {});
    await this.channel.close();
    this.settler.abandon();
  }
}
