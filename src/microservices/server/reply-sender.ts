import type { Serializer, WritePacket } from '@nestjs/microservices';
import {
  ChannelClosedError,
  ChannelError,
  MessageReturnedError,
  ConnectionClosedError,
  type MessageProperties,
  type BasicPublishOptions,
} from '../../../lib/client/index.js';
import type { FieldLogger } from '../../common/field-logger.js';
import { isThenable } from '../../common/thenable.js';
import { ReplyEncodingError, ReplyRefusedError } from '../microservices.errors.js';
import { messageProperties, outgoingPacket, type OutgoingPacket } from '../packets/outgoing-packet.js';
import { PublisherChannel } from '../../publishers/publisher-channel.js';
import { tellsUndelivered } from '../../rpc/direct-reply-to.js';
import type { ConnectionSource } from '../connection-source.js';

/** The properties of a request that say where its reply goes. */
export type ReplyAddress = Pick<MessageProperties, 'replyTo' | 'correlationId'>;

/** An encoded reply. */
export interface Reply extends OutgoingPacket {
  /** Set if the reply could not be encoded; the requester gets this error instead. */
  readonly failure?: ReplyEncodingError;
}

/**
 * Sends replies in the form of `Transport.RMQ`: through the default exchange, to the queue that the request names. The
 * broker closes the channel if it refuses a reply. Replies that were on their way with it are sent again, one by one on
 * a second channel, so that a refused reply affects no other.
 */
export class ReplySender {
  private readonly channel: PublisherChannel;
  private readonly alone: PublisherChannel;
  private closed = false;
  /** The end of the replies that are sent one by one. */
  private turn: Promise<unknown> = Promise.resolve();

  constructor(
    source: Pick<ConnectionSource, 'channel'>,
    private readonly serializer: Serializer,
    private readonly logger: FieldLogger,
  ) {
    this.channel = new PublisherChannel(source, {});
    this.alone = new PublisherChannel(source, {});
  }

  /**
   * Encodes a reply, synchronously unless the serializer is asynchronous. Never fails: {@link Reply.failure} reports an
   * encoding error.
   */
  write(packet: WritePacket): Reply | Promise<Reply> {
    try {
      const made = outgoingPacket(this.serializer, withPlainError(packet));
      return isThenable(made) ? made.catch(unwritable) : made;
    } catch (cause) {
      return unwritable(cause);
    }
  }

  /**
   * Resolves when the broker has the reply, or at once if the request wants none. @throws the errors of
   * `Channel.publish`
   */
  async publish({ body, options }: Reply, address: ReplyAddress): Promise<void> {
    const { replyTo, correlationId } = address;
    if (!replyTo) return;
    const properties = messageProperties(options, { persistent: false, mandatory: tellsUndelivered(replyTo) });
    try {
      properties.correlationId = correlationId;
      await this.publishOn(this.channel, replyTo, body, properties);
    } catch (error) {
      if (error instanceof MessageReturnedError)
        this.logger.debug('Dropped a reply: the queue of its requester does not exist any more', { correlationId });
      if (!(error instanceof ChannelClosedError && error.cause instanceof ChannelError)) throw error;
      await this.publishAlone(replyTo, body, properties);
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    await Promise.all([this.channel.close(), this.alone.close()]);
  }

  private publishAlone(replyTo: string, body: Uint8Array, properties: BasicPublishOptions): Promise<void> {
    const turn = this.turn.then(() => this.publishOn(this.alone, replyTo, body, properties));
    this.turn = turn.catch(() => {});
    return turn;
  }

  /** @throws ReplyRefusedError when the broker closes the channel on this one, and as `Channel.publish` */
  private async publishOn(
    channel: PublisherChannel,
    replyTo: string,
    body: Uint8Array,
    properties: BasicPublishOptions,
  ): Promise<void> {
    if (this.closed) throw new ConnectionClosedError('the service has stopped; the reply was not sent');
    try {
      await channel.publish('', replyTo, body, properties);
    } catch (error) {
      if (!(error instanceof ChannelError) || error instanceof ChannelClosedError) throw error;
      throw new ReplyRefusedError(`the broker refused the reply of ${body.length} bytes`, { cause: error });
    }
  }

  /** Encodes and sends one reply. */
  async send(packet: WritePacket, address: ReplyAddress): Promise<void> {
    await this.publish(await this.write(packet), address);
  }
}

/** Hides the serializer's error text, since it may quote the reply, which is not for the requester. */
function unwritable(cause: unknown): Reply {
  const failure = new ReplyEncodingError('the reply cannot be written', { cause });
  const substitute = { err: { status: 'error', message: failure.message }, isDisposed: true };
  return { body: Buffer.from(JSON.stringify(substitute)), options: {}, failure };
}

/** Converts an error to a plain object: JSON cannot encode an error, and its stack must not leave the service. */
function withPlainError(packet: WritePacket): WritePacket {
  const { err } = packet as { err?: unknown };
  return err instanceof Error ? { ...packet, err: { status: 'error', ...err, message: err.message } } : packet;
}
