import { Logger } from '@nestjs/common';
import type { Serializer, WritePacket } from '@nestjs/microservices';
import { MessageReturnedError, type Channel, type MessageProperties } from '../../../lib/client/index.js';
import { isThenable } from '../../common/thenable.js';
import { ReplyEncodingError } from '../microservices.errors.js';
import { messageProperties, outgoingPacket, type OutgoingPacket } from '../packets/outgoing-packet.js';
import { tellsUndelivered } from '../../rpc/direct-reply-to.js';

/** Where a reply goes: what the request said of that. */
export type ReplyAddress = Pick<MessageProperties, 'replyTo' | 'correlationId'>;

/** A reply, written. */
export interface Reply extends OutgoingPacket {
  /** It could not be written: this is what the requester is told instead. */
  readonly failure?: ReplyEncodingError;
}

/** Sends replies, in the form of `Transport.RMQ`: through the default exchange, to the queue that the request names. */
export class ReplySender {
  constructor(
    private readonly channel: Channel,
    private readonly serializer: Serializer,
    private readonly logger: Logger,
  ) {}

  /** At once, unless the serializer takes its time. Never fails: what cannot be written is a {@link Reply.failure}. */
  write(packet: WritePacket): Reply | Promise<Reply> {
    try {
      const made = outgoingPacket(this.serializer, withPlainError(packet));
      return isThenable(made) ? made.catch(unwritable) : made;
    } catch (cause) {
      return unwritable(cause);
    }
  }

  /** Resolves when the broker has it, at once where no reply is wanted. @throws as `Channel.publish` */
  async publish({ body, options }: Reply, address: ReplyAddress): Promise<void> {
    const { replyTo, correlationId } = address;
    if (!replyTo) return;
    const properties = messageProperties(options, { persistent: false, mandatory: tellsUndelivered(replyTo) });
    try {
      properties.correlationId = correlationId;
      await this.channel.publish('', replyTo, body, properties);
    } catch (error) {
      if (error instanceof MessageReturnedError)
        this.logger.debug('The queue of a requester is gone: its reply is dropped');
      throw error;
    }
  }

  /** A reply by itself. */
  async send(packet: WritePacket, address: ReplyAddress): Promise<void> {
    await this.publish(await this.write(packet), address);
  }
}

/** The serializer's own words may tell of the reply, which is not for the requester. */
function unwritable(cause: unknown): Reply {
  const failure = new ReplyEncodingError('the reply cannot be written', { cause });
  const substitute = { err: { status: 'error', message: failure.message }, isDisposed: true };
  return { body: Buffer.from(JSON.stringify(substitute)), options: {}, failure };
}

/** Of an error itself JSON has nothing to tell; its stack is not for others. */
function withPlainError(packet: WritePacket): WritePacket {
  const { err } = packet as { err?: unknown };
  return err instanceof Error ? { ...packet, err: { status: 'error', ...err, message: err.message } } : packet;
}
