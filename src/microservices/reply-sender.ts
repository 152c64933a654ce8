import { Logger } from '@nestjs/common';
import type { Serializer, WritePacket } from '@nestjs/microservices';
import { MessageReturnedError, type Channel, type MessageProperties } from '../../lib/client/index.js';
import { ReplyEncodingError } from './microservices.errors.js';
import { messageProperties, outgoingPacket } from './outgoing-packet.js';

const DIRECT_REPLY_TO = 'amq.rabbitmq.reply-to';

/** Where a reply goes: what the request said of that. */
export type ReplyAddress = Pick<MessageProperties, 'replyTo' | 'correlationId'>;

/** Sends replies, in the form of `Transport.RMQ`: through the default exchange, to the queue that the request names. */
export class ReplySender {
  constructor(
    private readonly channel: Channel,
    private readonly serializer: Serializer,
    private readonly logger: Logger,
  ) {}

  /**
   * Resolves when the broker has it. A requester that does not want an answer, or whose queue is gone, gets none.
   *
   * @throws ReplyEncodingError after the requester was told; else as `Channel.publish`
   */
  async send(packet: WritePacket, address: ReplyAddress): Promise<void> {
    if (!address.replyTo) return;
    let failure: ReplyEncodingError | undefined;
    let outgoing;
    try {
      outgoing = await outgoingPacket(this.serializer, withPlainError(packet));
    } catch (cause) {
      // Of the two errors the requester gets the one that tells nothing of the reply.
      failure = new ReplyEncodingError('the reply cannot be written', { cause });
      const err = { status: 'error', message: failure.message };
      outgoing = await outgoingPacket({ serialize: (value: unknown) => value }, { err, isDisposed: true });
    }
    await this.publish(outgoing.body, messageProperties(outgoing.options, defaultsFor(address)), address);
    if (failure) throw failure;
  }

  private async publish(body: Buffer, properties: MessageProperties, address: ReplyAddress): Promise<void> {
    const { replyTo = '', correlationId } = address;
    try {
      await this.channel.publish('', replyTo, body, { ...properties, correlationId });
    } catch (error) {
      if (!(error instanceof MessageReturnedError)) throw error;
      this.logger.debug('A reply was not wanted any more: the queue of its requester is gone');
      throw error;
    }
  }
}

/** RabbitMQ returns every direct reply that is mandatory (https://www.rabbitmq.com/docs/direct-reply-to#limitations). */
function defaultsFor({ replyTo }: ReplyAddress) {
  return { persistent: false, mandatory: replyTo?.startsWith(DIRECT_REPLY_TO) !== true };
}

/** Of an error itself JSON has nothing to tell; its stack is not for others. */
function withPlainError(packet: WritePacket): WritePacket {
  const { err } = packet as { err?: unknown };
  return err instanceof Error ? { ...packet, err: { status: 'error', ...err, message: err.message } } : packet;
}
