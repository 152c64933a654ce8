import {
  ConfigurationError,
  ConnectionClosedError,
  publishDefaults,
  type Channel,
  type BasicPublishOptions,
} from '../../lib/client/index.js';
import { LONGEST_TTL } from '../common/duration.js';
import type { Environment } from '../common/environment.js';
import { isThenable } from '../common/thenable.js';
import type { MessageSerializers } from '../serialization/message-serializers.js';
import { DIRECT_REPLY_TO } from './direct-reply-to.js';
import type { ReplyPacket } from './pending-requests.js';
import { noReply, Requester, type RequestChannel } from './requester.js';
import { decodeReply } from './rpc-wire.js';
import { RpcTimeoutError } from './rpc.errors.js';

const answer = (response: unknown): ReplyPacket => ({ response, isDisposed: true });

/** The requests of a publisher, on their own channel. */
export class RpcRequester {
  private readonly requester: Requester;
  private readonly channel: RequestChannel;
  /** Set when the requester is closing or closed; the error of new requests. */
  private closing: ConnectionClosedError | undefined;

  /**
   * @param open creates the channel; `prepare` runs on each channel that is opened on the broker, before the first
   * publish
   * @param timeout default timeout of a request, ms
   * @param away returns the reason why the connection is not open; undefined while it is
   */
  constructor(
    open: (prepare: (channel: Channel) => void) => RequestChannel,
    private readonly environment: Environment,
    serializers: MessageSerializers,
    private readonly timeout: number = publishDefaults.publishTimeout,
    private readonly away: () => string | undefined = () => undefined,
  ) {
    this.requester = new Requester(environment.clock, DIRECT_REPLY_TO, (reply) => {
      const value = decodeReply(serializers, reply);
      return isThenable(value) ? value.then(answer) : answer(value);
    });
    this.channel = open((channel) => this.listen(channel));
  }

  /** Throws, or rejects: see {@link ConfirmingPublisher.request}. */
  request(exchange: string, routingKey: string, body: Uint8Array, options: BasicPublishOptions): Promise<unknown> {
    const { timeout = this.timeout, correlationId = this.environment.uniqueId(), signal } = options;
    if (this.requester.has(correlationId)) {
      throw new ConfigurationError(`A request with the correlation id '${correlationId}' is already pending.`);
    }
    // Nobody listens for replies any more.
    if (this.closing) throw this.closing;
    signal?.throwIfAborted();
    const late = (): Error => {
      const asked =
        exchange === '' ? `queue '${routingKey}'` : `exchange '${exchange}' with routing key '${routingKey}'`;
      const away = this.away();
      const why = away === undefined ? '.' : `: the connection is not open (${away})`;
      return new RpcTimeoutError(`No reply from ${asked} within ${timeout} ms${why}`);
    };
    // The request expires in its queue when the requester stops waiting. A timeout longer than RabbitMQ's maximum means
    // no expiration.
    const expires = timeout <= LONGEST_TTL ? String(Math.ceil(timeout)) : undefined;
    const properties = Object.assign({}, options, { mandatory: true, expiration: options.expiration ?? expires });
    const message = { exchange, routingKey, body, properties };
    const terms = { timeout: Math.max(1, timeout), late, signal };
    return new Promise((resolve, reject) => {
      this.requester.send(this.channel, correlationId, message, terms, (packet) =>
        'err' in packet ? reject(packet.err) : resolve(packet.response),
      );
    });
  }

  /** Fails all unanswered requests. */
  async close(): Promise<void> {
    this.closing = new ConnectionClosedError(
      'The request was ended without a reply: the application is shutting down.',
    );
    this.requester.failAll(this.closing);
    await this.channel.close();
  }

  private listen(channel: Channel): void {
    const onLost = (cause: Error | undefined): void => this.requester.failSent(noReply(cause));
    channel.on('lost', onLost).on('closed', onLost);
    this.requester.listen(channel).then(
      ({ closed }) => closed.then((error) => error && channel.close()),
      () => channel.close(),
    );
  }
}
