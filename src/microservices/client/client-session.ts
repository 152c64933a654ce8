import type { AsyncResource } from 'node:async_hooks';
import { type Channel, type Connection } from '../../../lib/client/index.js';
import type { Clock } from '../../../lib/environment/index.js';
import type { FieldLogger } from '../../common/field-logger.js';
import { DeclaredStaircase } from '../../delay/declared-staircase.js';
import { DelayedPublisher, type DelayedMessage } from '../../delay/delayed-publisher.js';
import { PublisherChannel } from '../../publishers/publisher-channel.js';
import { DIRECT_REPLY_TO } from '../../rpc/direct-reply-to.js';
import { noReply, type Requester } from '../../rpc/requester.js';
import { DueCourier } from '../../settlement/due/due-courier.js';
import { SessionSource, type ConnectionSource } from '../connection-source.js';
import { isTakenAsItIs, type AmqpTransportOptions } from '../options/transport-options.js';
import { declareForClient, declareReplyQueue } from '../options/transport-topology.js';
import type { TransportEvents } from '../transport-events.js';

/** The client, as its session sees it. */
export interface SessionHost {
  readonly source: ConnectionSource;
  readonly options: AmqpTransportOptions;
  readonly replyQueue: string;
  readonly transportEvents: TransportEvents;
  readonly logger: FieldLogger;
  /** The async context of the connection, which outlives the request that it was opened for. */
  readonly scope: AsyncResource;
  newRequester(clock: Clock): Requester;
}

/** A session that is connected. */
export interface Connected {
  readonly connection: Connection;
  /** The channel of requests. Direct replies arrive on the channel that sent the request. */
  readonly requests: Channel;
}

/**
 * Lasts from a client's first use until the client is closed or has to begin anew. It begins nothing after its end: the
 * client's next use has a session of its own.
 */
export class ClientSession {
  private readonly source: SessionSource;
  /** Events wait in it for the connection. It is separate from the requests, so that a failed event fails no request. */
  private readonly events: PublisherChannel;
  private readonly delayed: DelayedPublisher;
  private readonly courier: DueCourier;
  private pendingRequests: Requester | undefined;
  private opening: Promise<Connected> | undefined;
  private declaring: Promise<void> | undefined;
  private present: Connected | undefined;
  private hasEvents = false;
  private latest: Connection | undefined;

  constructor(private readonly host: SessionHost) {
    this.source = new SessionSource(host.source, 'the client was closed while it connected');
    this.events = new PublisherChannel(
      {
        channel: (options) =>
          host.scope.runInAsyncScope(() =>
            this.source.channel({ ...options, findExchanges: false, openAfter: () => this.declare() }),
          ),
      },
      {},
    );
    this.courier = new DueCourier(this.source);
    this.delayed = this.delayedPublisher();
  }

  /** Nothing begins on it any more. */
  get ended(): boolean {
    return this.source.ended;
  }

  /** Undefined unless requests can be sent. */
  get connected(): Connected | undefined {
    return this.present;
  }

  /** Undefined before the first connection. */
  get connection(): Connection | undefined {
    return this.latest;
  }

  /** Created at first use: a shared connection does not exist yet when the client is created. */
  get requester(): Requester {
    return (this.pendingRequests ??= this.host.newRequester(this.source.environment.clock));
  }

  /** Connects, unless it is connected. After a failed attempt it may be called again. @throws AmqpError */
  open(): Promise<Connected> {
    if (this.opening) return this.opening;
    const opening = this.host.scope.runInAsyncScope(() => this.start());
    opening.then(
      ({ connection }) => connection.closed.then(() => this.end()),
      () => (this.opening = undefined),
    );
    return (this.opening = opening);
  }

  /** Resolves when the broker has the event. @throws as `Channel.publish` and `DelayedPublisher.publish` */
  publishEvent(event: DelayedMessage): Promise<number> {
    this.hasEvents = true;
    if (event.delay > 0) return this.delayed.publish(event);
    return this.events.publish(event.exchange, event.routingKey, event.body, event.properties);
  }

  /** Withdraws a request whose subscriber has left. */
  forget(id: string): void {
    this.pendingRequests?.forget(id);
  }

  /**
   * Pending requests fail with the reason; events that are not confirmed yet get up to 10 s. Resolves when the callers of
   * events that were refused have learned of it.
   */
  async close(reason: Error): Promise<void> {
    const { present } = this;
    this.end();
    this.pendingRequests?.failAll(reason);
    this.delayed.close();
    await Promise.all([present?.requests.close(), this.events.close(), this.courier.close()]);
    if (this.hasEvents) await new Promise<void>((told) => this.source.environment.clock.afterPendingEvents(told));
  }

  private delayedPublisher(): DelayedPublisher {
    const { source, events, host } = this;
    const open = async () => {
      // It waits for a lost connection, as events do.
      await events.open();
      return source.open();
    };
    const staircase = new DeclaredStaircase({ open }, () => !isTakenAsItIs(host.options, source.topology));
    staircase.employ(this.courier);
    return new DelayedPublisher(staircase, {
      get clock() {
        return source.environment.clock;
      },
      isAvailable: () => true,
      publish: (...message) => events.publish(...message),
    });
  }

  private end(): void {
    this.source.end();
    this.present = undefined;
  }

  private async start(): Promise<Connected> {
    const { replyQueue, transportEvents } = this.host;
    const { publishing: connection } = await this.source.open();
    let requests: Channel | undefined;
    try {
      this.source.refuseIfEnded();
      transportEvents.watch(connection);
      await this.declare();
      await this.events.open();
      requests = await connection.openChannel({ confirm: true });
      const connected = { connection, requests };
      // A lost connection fails all requests, including those that are not sent yet (decision 20).
      requests.on('lost', (cause) => this.requester.failAll(noReply(cause)));
      if (replyQueue !== DIRECT_REPLY_TO) await declareReplyQueue(connection, replyQueue);
      const consumer = await this.requester.listen(requests);
      this.source.refuseIfEnded();
      void consumer.closed.then((error) => error && this.abandon(error));
      this.present = connected;
      transportEvents.connected();
      return connected;
    } catch (error) {
      void requests?.close();
      // close() closes what was opened before it; what is open now belongs to a later session.
      this.source.refuseIfEnded();
      transportEvents.unwatch();
      void this.close(error as Error);
      await this.host.source.close();
      throw error;
    }
  }

  /** Declares the destination, once. After a loss the connection declares it again. */
  private declare(): Promise<void> {
    this.declaring ??= this.declareOnce().catch((error: unknown) => {
      this.declaring = undefined;
      throw error;
    });
    return this.declaring;
  }

  private async declareOnce(): Promise<void> {
    const { options, source } = this.host;
    // Not the session's: events that wait when it ends go out still, and need their destination.
    const { publishing } = await source.open();
    this.latest = publishing;
    const noAssert = isTakenAsItIs(options, source.topology);
    await declareForClient(publishing, { ...options, noAssert });
  }

  /** Ends the session, since replies cannot arrive any more. */
  private async abandon(error: Error): Promise<void> {
    if (this.ended) return;
    const { replyQueue: queue, logger, transportEvents } = this.host;
    logger.error(`Lost the consumer of reply queue '${queue}': ${error.message}`, { queue });
    transportEvents.failed(error);
    await this.close(error);
  }
}
