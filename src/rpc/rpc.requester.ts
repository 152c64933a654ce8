import {
  ChannelClosedError,
  ConfigurationError,
  ConnectionClosedError,
  ConnectionError,
  ConnectionLostError,
  PublishTimeoutError,
  type Channel,
  type Delivery,
  type BasicPublishOptions,
} from '../../lib/client/index.js';
import { LONGEST_TTL } from '../common/duration.js';
import type { Environment } from '../common/environment.js';
import type { MessageSerializers } from '../serialization/message-serializers.js';
import { DIRECT_REPLY_TO } from './direct-reply-to.js';
import { PendingRequests } from './pending-requests.js';
import { decodeReply } from './rpc-wire.js';
import { RpcTimeoutError } from './rpc.errors.js';

/** ms. */
const TIMEOUT = 30_000;

/** The channel that sends requests. */
export interface RequestChannel {
  publish(exchange: string, routingKey: string, body: Uint8Array, options: BasicPublishOptions): Promise<number>;
  close(): Promise<void>;
}

/**
 * Sends requests and collects their replies, on its own channel: direct replies arrive on the channel that sent the
 * request.
 */
export class RpcRequester {
  private readonly pending: PendingRequests;
  private readonly channel: RequestChannel;
  /** Set when the requester is closing or closed; the error of new requests. */
  private closing: ConnectionClosedError | undefined;

  /**
   * @param open creates the channel; `prepare` runs on each channel that is opened on the broker, before the first
   * publish
   * @param timeout default timeout of a request, ms
   */
  constructor(
    open: (prepare: (channel: Channel) => void) => RequestChannel,
    private readonly environment: Environment,
    private readonly serializers: MessageSerializers,
    private readonly timeout: number = TIMEOUT,
  ) {
    this.pending = new PendingRequests(environment.clock);
    this.channel = open((channel) => this.listen(channel));
  }

  /** @throws see {@link ConfirmingPublisher.request} */
  async request(
    exchange: string,
    routingKey: string,
    body: Uint8Array,
    options: BasicPublishOptions,
  ): Promise<unknown> {
    const { timeout = this.timeout, correlationId = this.environment.uniqueId(), signal } = options;
    if (this.pending.has(correlationId)) {
      throw new ConfigurationError(`A request with the correlation id '${correlationId}' is already pending.`);
    }
    // Nobody listens for replies any more.
    if (this.closing) throw this.closing;
    signal?.throwIfAborted();
    const late = (): Error =>
      new RpcTimeoutError(
        `No reply from exchange '${exchange}' with routing key '${routingKey}' within ${timeout} ms.`,
      );
    // The request expires in its queue when the requester stops waiting. A timeout longer than RabbitMQ's maximum means
    // no expiration.
    const expires = timeout <= LONGEST_TTL ? String(Math.ceil(timeout)) : undefined;
    const expiration = options.expiration ?? expires;
    const own = { timeout, correlationId, expiration, replyTo: DIRECT_REPLY_TO, mandatory: true };
    const properties: BasicPublishOptions = Object.assign({}, options, own);
    return new Promise((resolve, reject) => {
      this.pending.add(correlationId, { timeout: Math.max(1, timeout), late, signal }, (packet) =>
        'err' in packet ? reject(packet.err) : resolve(packet.response),
      );
      this.channel.publish(exchange, routingKey, body, properties).then(
        () => this.pending.markSent(correlationId),
        (err) => {
          // The request's own timeout ends at the same time, and its error is more specific.
          if (!(err instanceof PublishTimeoutError)) this.pending.settle(correlationId, { err, isDisposed: true });
        },
      );
    });
  }

  /** Fails all unanswered requests. */
  async close(): Promise<void> {
    this.closing = new ConnectionClosedError(
      'The request was ended without a reply: the application is shutting down.',
    );
    this.pending.failAll(this.closing);
    await this.channel.close();
  }

  private listen(channel: Channel): void {
    channel.on('lost', (error) => this.onLost(error)).on('closed', (error) => this.onLost(error));
    const options = { noAck: true, timeout: Infinity };
    channel
      .basicConsume(DIRECT_REPLY_TO, (reply) => this.onReply(reply), options)
      .then(
        ({ closed }) => closed.then((error) => error && channel.close()),
        () => channel.close(),
      );
  }

  private onReply(reply: Delivery): void {
    let correlationId: string | undefined;
    try {
      ({ correlationId } = reply.properties);
    } catch {
      // The reply is malformed, so its request is unknown and ends at its timeout.
    }
    if (correlationId === undefined || !this.pending.has(correlationId)) return;
    try {
      this.pending.settle(correlationId, { response: decodeReply(this.serializers, reply), isDisposed: true });
    } catch (err) {
      this.pending.settle(correlationId, { err, isDisposed: true });
    }
  }

  /**
   * Fails the requests that were sent on the lost channel, since their replies cannot arrive. Requests that are not
   * sent yet keep waiting.
   */
  private onLost(cause: Error | undefined): void {
    const concerned = this.pending.ids();
    const message = `the reply cannot arrive any more: ${cause?.message ?? 'the channel was closed'}`;
    const reason =
      cause instanceof ConnectionError
        ? new ConnectionLostError(message, 'unknown', { cause })
        : new ChannelClosedError(message, 'unknown', { cause });
    // Confirms that arrived together with the loss are processed first.
    this.environment.clock.afterPendingEvents(() => this.pending.failSent(concerned, reason));
  }
}
