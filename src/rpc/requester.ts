import {
  ChannelClosedError,
  ConnectionError,
  ConnectionLostError,
  PublishTimeoutError,
  TRACES_ITSELF,
  type BasicPublishOptions,
  type Channel,
  type Consumer,
  type Delivery,
} from '../../lib/client/index.js';
import type { Clock } from '../../lib/environment/index.js';
import { isThenable } from '../common/thenable.js';
import { PendingRequests, type ReplyPacket, type RequestTerms } from './pending-requests.js';
import { TracedRequest } from './request-trace.js';

/** The channel that sends requests. */
export interface RequestChannel {
  publish(exchange: string, routingKey: string, body: Uint8Array, options: BasicPublishOptions): Promise<number>;
  close(): Promise<void>;
}

/** The message of a request. */
export interface RequestMessage {
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Uint8Array;
  /** The requester completes it with reply queue, correlation id, deadline and signal. */
  readonly properties: { -readonly [Name in keyof BasicPublishOptions]: BasicPublishOptions[Name] };
}

/**
 * Sends requests and gives each reply to the caller that waits for it. Requests and replies share a channel, since direct
 * replies arrive on the channel that sent the request.
 */
export class Requester {
  private readonly pending: PendingRequests;
  /** Traced requests by correlation id. */
  private readonly traces = new Map<string, TracedRequest>();

  /**
   * @param replyQueue the queue of the replies
   * @param read decodes a reply; an error that it throws ends the request
   * @param callbacks receivers of replies, by correlation id; see {@link PendingRequests}
   */
  constructor(
    private readonly clock: Clock,
    private readonly replyQueue: string,
    private readonly read: (reply: Delivery) => ReplyPacket | PromiseLike<ReplyPacket>,
    callbacks?: Map<string, (packet: ReplyPacket) => void>,
  ) {
    this.pending = new PendingRequests(clock, callbacks);
  }

  /** Returns true if a request with this correlation id waits for its reply. */
  has(id: string): boolean {
    return this.pending.has(id);
  }

  /** Consumes the replies on the channel. */
  listen(channel: Channel): Promise<Consumer> {
    // Creates the handler of replies.
    const options = { noAck: true, timeout: Infinity, [TRACES_ITSELF]: true } as const;
    return channel.basicConsume(this.replyQueue, (reply) => this.onReply(reply), options);
  }

  /** Sends a request. Its callback gets each reply, or one error. */
  send(
    channel: RequestChannel,
    id: string,
    message: RequestMessage,
    terms: RequestTerms,
    callback: (packet: ReplyPacket) => void,
  ): void {
    const trace = TracedRequest.of(message.exchange, message.routingKey, id, message.properties);
    if (!trace) return this.begin(channel, id, message, terms, callback);
    this.traces.set(id, trace);
    const traced = (packet: ReplyPacket): void => {
      if (!this.pending.has(id)) this.traces.delete(id);
      trace.onPacket(packet);
      callback(packet);
    };
    trace.send(() => this.begin(channel, id, message, terms, traced));
  }

  private begin(
    channel: RequestChannel,
    id: string,
    { exchange, routingKey, body, properties }: RequestMessage,
    terms: RequestTerms,
    callback: (packet: ReplyPacket) => void,
  ): void {
    this.pending.add(id, terms, callback);
    properties.replyTo = this.replyQueue;
    properties.correlationId = id;
    properties.timeout = terms.timeout === 0 ? Infinity : terms.timeout;
    properties.signal = terms.signal;
    channel.publish(exchange, routingKey, body, properties).then(
      () => this.pending.markSent(id),
      (err) => {
        // The request's own timeout ends at the same time, and its error is more specific.
        if (!(err instanceof PublishTimeoutError)) this.pending.settle(id, { err, isDisposed: true });
      },
    );
  }

  /** Removes a request whose caller has left. */
  forget(id: string): void {
    this.pending.forget(id);
    this.traces.get(id)?.leave();
    this.traces.delete(id);
  }

  failAll(err: Error): void {
    this.pending.failAll(err);
  }

  /** Fails the requests that the broker has. Requests that are not sent yet keep waiting. */
  failSent(err: Error): void {
    const concerned = this.pending.ids();
    // Confirms that arrived together with a loss are processed first.
    this.clock.afterPendingEvents(() => this.pending.failSent(concerned, err));
  }

  private onReply(reply: Delivery): void {
    let id: string | undefined;
    try {
      ({ correlationId: id } = reply.properties);
    } catch {
      // The reply is malformed, so its request is unknown and ends at its timeout.
    }
    if (id === undefined || !this.pending.has(id)) return;
    const trace = this.traces.get(id);
    if (trace) trace.reply = reply;
    try {
      const packet = this.read(reply);
      if (isThenable(packet)) this.settleLater(id, packet);
      else this.pending.settle(id, packet);
    } catch (err) {
      this.pending.settle(id, { err, isDisposed: true });
    }
  }

  private settleLater(id: string, packet: PromiseLike<ReplyPacket>): void {
    packet.then(
      (read) => this.pending.settle(id, read),
      (err: unknown) => this.pending.settle(id, { err, isDisposed: true }),
    );
  }
}

/** Returns the error of requests whose replies were lost with the channel. */
export function noReply(cause: Error | undefined): Error {
  const message = `the reply cannot arrive any more: ${cause?.message ?? 'the channel was closed'}`;
  return cause instanceof ConnectionError
    ? new ConnectionLostError(message, 'unknown', { cause })
    : new ChannelClosedError(message, 'unknown', { cause });
}
