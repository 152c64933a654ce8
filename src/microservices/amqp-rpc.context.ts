import type { Buffer } from 'node:buffer';
import { RmqContext, type PacketMetadata } from '@nestjs/microservices';
import type { Delivery, FieldTable, MessageProperties } from '../../lib/client/index.js';

/** A delivery in the form that amqplib gives it, which handlers written for `Transport.RMQ` expect. */
export interface RmqMessage {
  readonly content: Buffer;
  readonly fields: Readonly<Pick<Delivery, 'consumerTag' | 'deliveryTag' | 'redelivered' | 'exchange' | 'routingKey'>>;
  readonly properties: Readonly<
    Omit<MessageProperties, 'headers' | 'timestamp'> & {
      /** Empty where the publisher set none. */
      headers: FieldTable;
      /** Seconds since 1970. */
      timestamp: number | undefined;
    }
  >;
}

/**
 * What handlers written for `Transport.RMQ` do with its channel: settle their message. Each call settles the one message
 * that it is given, and a second time is without effect.
 */
export interface RmqChannelRef {
  ack(message: RmqMessage): void;
  /** @param requeue default true */
  nack(message: RmqMessage, allUpTo?: boolean, requeue?: boolean): void;
  /** @param requeue default true */
  reject(message: RmqMessage, requeue?: boolean): void;
}

/**
 * What is known of a message beside its payload. Handlers get it by `@Ctx()`; it is an `RmqContext`, so those that take
 * one go on working.
 *
 * @publicApi
 */
export class AmqpRpcContext extends RmqContext {
  constructor(
    /** The message as it was delivered. */
    readonly delivery: Delivery,
    /** The queue it came from. */
    readonly queue: string,
    pattern: string,
    private readonly packetMetadata?: PacketMetadata,
  ) {
    const message = toRmqMessage(delivery);
    super([message, channelRef(message, delivery), pattern]);
  }

  /** As an amqplib consumer would have got it. */
  override getMessage(): RmqMessage {
    return super.getMessage() as RmqMessage;
  }

  /** For code that acknowledges by the channel; {@link ack}, {@link nack} and {@link reject} are shorter. */
  override getChannelRef(): RmqChannelRef {
    return super.getChannelRef() as RmqChannelRef;
  }

  /** What the client's dispatch hook has attached to the packet, if anything. */
  getMetadata(): PacketMetadata | undefined {
    return this.packetMetadata;
  }

  /** Content type, message id, correlation id, reply-to, … as the publisher set them. */
  get properties(): MessageProperties {
    return this.delivery.properties;
  }

  /** The headers, empty where the publisher set none. */
  get headers(): FieldTable {
    return this.properties.headers ?? {};
  }

  /** It is settled, or needs no settling (`noAck`). */
  get settled(): boolean {
    return this.delivery.settled;
  }

  /** Done with it. Without effect once it is settled. */
  ack(): void {
    if (!this.settled) this.delivery.ack();
  }

  /** Not done with it. Without effect once it is settled. @param options.requeue default true */
  nack(options: { readonly requeue?: boolean } = {}): void {
    if (!this.settled) this.delivery.nack({ requeue: options.requeue ?? true });
  }

  /** Refuses it: dead-lettered where the queue says so, else dropped. @param options.requeue default false */
  reject(options: { readonly requeue?: boolean } = {}): void {
    if (!this.settled) this.delivery.reject({ requeue: options.requeue ?? false });
  }
}

function toRmqMessage(delivery: Delivery): RmqMessage {
  const { body, consumerTag, deliveryTag, redelivered, exchange, routingKey, properties } = delivery;
  const { headers = {}, timestamp, ...rest } = properties;
  return {
    content: body,
    fields: { consumerTag, deliveryTag, redelivered, exchange, routingKey },
    properties: {
      ...rest,
      headers,
      timestamp: timestamp === undefined ? undefined : Math.floor(timestamp.getTime() / 1_000),
    },
  };
}

function channelRef(own: RmqMessage, delivery: Delivery): RmqChannelRef {
  // Another handler's message is not this one's to settle: its own context has its own channel.
  const settle = (message: RmqMessage, how: () => void): void => {
    if (message === own && !delivery.settled) how();
  };
  return {
    ack: (message) => settle(message, () => delivery.ack()),
    nack: (message, _allUpTo, requeue = true) => settle(message, () => delivery.nack({ requeue })),
    reject: (message, requeue = true) => settle(message, () => delivery.reject({ requeue })),
  };
}
