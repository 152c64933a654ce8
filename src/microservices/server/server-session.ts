import type { Logger } from '@nestjs/common';
import type { Serializer } from '@nestjs/microservices';
import type { Channel, Consumer, Delivery } from '../../../lib/client/index.js';
import type { Clock } from '../../../lib/environment/index.js';
import { timeLimit } from '../../common/duration.js';
import { isDoneWithin } from '../../common/waiting.js';
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
  /** Ends running replies, since the broker has given the messages to other consumers. */
  abandon(reason: Error): void;
}

/** A server that consumes its queue, until it is drained or its consumer has ended for good. */
export class ServerSession {
  private constructor(
    private readonly host: SessionHost,
    readonly connections: TransportConnections,
    private readonly queue: ServerQueue,
    private readonly channel: Channel,
    private readonly replyChannel: Channel,
    private readonly consumer: Consumer,
    private readonly settler: Settler,
    private readonly clock: Clock,
  ) {}

  /** @throws ConnectionError or a subclass, TopologyError, ChannelError, ConfigurationError */
  static async open(source: ConnectionSource, host: SessionHost): Promise<ServerSession> {
    const { prefetchCount = DEFAULT_PREFETCH, noAck = false, consumerTag } = host.options;
    const connections = await source.open();
    const { consuming, publishing } = connections;
    const options = { ...host.options, noAssert: isTakenAsItIs(host.options, source.topology) };
    const queue = await declareForServer(consuming, options, host.patterns());
    const channel = await consuming.openChannel({ prefetch: prefetchCount });
    const replyChannel = await publishing.openChannel({ confirm: true });
    let consumer: Consumer | undefined;
    const settler = serverSettler(source, queue, options, {
      consumer: () => consumer,
      stop: () => void consumer?.cancel(),
      onHeld: () => {},
    });
    try {
      if (!noAck) await settler.prepare();
      channel.on('lost', (error) => {
        settler.abandon(error);
        host.abandon(error);
      });
      const route = {
        queue: queue.name,
        settler,
        replies: new ReplySender(replyChannel, host.serializer, host.logger),
      };
      consumer = await channel.basicConsume(queue.name, (delivery) => host.handle(delivery, route), {
        noAck,
        ...(consumerTag === undefined ? {} : { consumerTag }),
      });
      const prefetch =
        prefetchCount === 0 || prefetchCount === Infinity || noAck ? 'without limit' : `${prefetchCount} at a time`;
      host.logger.log(`Consuming queue '${queue.name}', ${prefetch}`);
      return new ServerSession(
        host,
        connections,
        queue,
        channel,
        replyChannel,
        consumer,
        settler,
        source.environment.clock,
      );
    } catch (error) {
      await Promise.all([channel.close(), replyChannel.close()]);
      throw error;
    }
  }

  /** Resolves when no more messages arrive: with the reason, or with undefined after `drain`. */
  get ended(): Promise<Error | undefined> {
    return this.consumer.closed;
  }

  /**
   * Stops consuming, waits up to `gracePeriod` for running handlers, and requeues messages that are not settled by
   * then.
   */
  async drain(closing: Error): Promise<void> {
    const { consumer, channel, host, clock } = this;
    const gracePeriod = timeLimit(host.options.gracePeriod ?? DEFAULT_GRACE, 'AmqpServer: gracePeriod');
    // If the connection breaks here, the broker requeues. Closing the channel prevents the consumer from being
    // restored.
    await consumer.cancel().catch(() => channel.close());
    this.settler.release();
    if (!(await isDoneWithin(clock, gracePeriod, consumer.idle()))) {
      host.logger.warn(
        `Handlers of queue '${this.queue.name}' still run after ${gracePeriod} ms: their messages go back`,
      );
      host.abandon(closing);
      await isDoneWithin(clock, FAREWELL, consumer.idle());
    }
    await this.close();
  }

  async close(): Promise<void> {
    await this.replyChannel.close();
    // On a connection that stays open, the queue would be left behind.
    if (this.queue.exclusive && this.channel.isOpen) await this.channel.queueDelete(this.queue.name).catch(() => {});
    await this.channel.close();
    this.settler.abandon();
  }
}
