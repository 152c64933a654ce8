import {
  ChannelClosedError,
  ConfigurationError,
  ConnectionClosedError,
  ConnectionError,
  ConnectionLostError,
  type Channel,
  type Delivery,
  type PublishOptions,
} from '../../lib/client/index.js';
import type { AmqpConnections } from '../connection/amqp-connections.js';
import { PublisherChannel } from '../publishers/publisher-channel.js';
import type { PublisherOptions } from '../publishers/publisher-options.js';
import { uniqueId } from '../common/unique-id.js';
import type { MessageSerializers } from '../serialization/message-serializers.js';
import { decodeReply } from './rpc-wire.js';
import { RpcTimeoutError } from './rpc.errors.js';

/** RabbitMQ's name for "whoever consumes here on this channel". */
const REPLY_TO = 'amq.rabbitmq.reply-to';
const TIMEOUT = 30_000;

interface PendingRequest {
  /** The broker has the request: only a reply can still come of it. */
  sent: boolean;
  readonly resolve: (reply: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** Requests that are under way, on a channel of their own: replies come to the channel that has asked. */
export class RpcRequester {
  private readonly pending = new Map<string, PendingRequest>();
  private readonly channel: PublisherChannel;

  constructor(
    connections: Pick<AmqpConnections, 'open' | 'isOpen'>,
    private readonly serializers: MessageSerializers,
    private readonly options: PublisherOptions,
  ) {
    // Sent again it could be handled twice, and its first reply is lost with the channel.
    const asked = { ...options, republishUnconfirmed: false };
    this.channel = new PublisherChannel(connections, asked, (channel) => this.listen(channel));
  }

  /** @throws see {@link ConfirmingPublisher.request} */
  async request(exchange: string, routingKey: string, body: Uint8Array, options: PublishOptions): Promise<unknown> {
    const { timeout = this.options.timeout ?? TIMEOUT, correlationId = uniqueId(), signal } = options;
    if (this.pending.has(correlationId)) {
      throw new ConfigurationError(`A request with the correlation id '${correlationId}' is under way already.`);
    }
    signal?.throwIfAborted();
    const { promise, resolve, reject } = withEnds();
    const pending: PendingRequest = { sent: false, resolve, reject };
    this.pending.set(correlationId, pending);
    const late = new RpcTimeoutError(
      `No reply from exchange '${exchange}' with routing key '${routingKey}' within ${timeout} ms.`,
    );
    const timer = setTimeout(() => reject(late), timeout);
    const abort = (): void => reject(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    const expiration = options.expiration ?? String(Math.ceil(timeout));
    const own = { timeout, correlationId, expiration, replyTo: REPLY_TO, mandatory: true };
    const properties: PublishOptions = Object.assign({}, options, own);
    this.channel.publish(exchange, routingKey, body, properties).then(() => (pending.sent = true), reject);
    try {
      return await promise;
    } finally {
      this.pending.delete(correlationId);
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    }
  }

  /** Gives up what is not answered yet. */
  async close(): Promise<void> {
    const reason = new ConnectionClosedError('The application is shutting down: the reply will not be waited for.');
    for (const { reject } of this.pending.values()) reject(reason);
    await this.channel.close();
  }

  private async listen(channel: Channel): Promise<void> {
    channel.on('lost', (error) => this.onLost(error)).on('closed', (error) => this.onLost(error));
    const consumer = await channel.basicConsume(REPLY_TO, (reply) => this.onReply(reply), { noAck: true });
    void consumer.closed.then((error) => {
      if (error) void channel.close();
    });
  }

  private onReply(reply: Delivery): void {
    let correlationId: string | undefined;
    try {
      ({ correlationId } = reply.properties);
    } catch {
      // Malformed, so it says not whose it is: its request has its deadline.
    }
    const pending = correlationId === undefined ? undefined : this.pending.get(correlationId);
    if (!pending) return;
    try {
      pending.resolve(decodeReply(this.serializers, reply));
    } catch (error) {
      pending.reject(error);
    }
  }

  /** Replies to a channel that is gone go nowhere. What was not sent yet keeps waiting to be. */
  private onLost(cause: Error | undefined): void {
    const concerned = [...this.pending.values()];
    const message = `the reply can no longer come: ${cause?.message ?? 'the channel was closed'}`;
    const reason =
      cause instanceof ConnectionError
        ? new ConnectionLostError(message, 'unknown', { cause })
        : new ChannelClosedError(message, 'unknown', { cause });
    // Confirms that came with the loss are taken in first.
    setImmediate(() => {
      for (const { sent, reject } of concerned) if (sent) reject(reason);
    });
  }
}

function withEnds() {
  let resolve!: (value: unknown) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<unknown>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
