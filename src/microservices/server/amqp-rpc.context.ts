import type { Buffer } from 'node:buffer';
import { RmqContext } from '@nestjs/microservices';
import type { Delivery, FieldTable, MessageProperties } from '../../../lib/client/index.js';
import type { AmqpContext } from '../../settlement/amqp-context.js';
import type { Route } from './server-session.js';

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
 * What handlers written for `Transport.RMQ` do with its channel: settle their message. Each call settles the message of its
 * own context, and a second time is without effect.
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
  private message: RmqMessage | undefined;
  private channel: RmqChannelRef | undefined;

  /** @param route its way back: how it is settled and answered */
  constructor(
    private readonly origin: AmqpContext,
    private readonly pattern: string,
    private readonly packetMetadata: Record<string, string> | undefined,
    /** @internal */
    readonly route: Route,
  ) {
    // Made when asked for: most handlers ask for none of it.
    super([] as never);
  }

  override getArgs(): [RmqMessage, RmqChannelRef, string] {
    return [this.getMessage(), this.getChannelRef(), this.pattern];
  }

  override getArgByIndex(index: number): unknown {
    return this.getArgs()[index];
  }

  override getPattern(): string {
    return this.pattern;
  }

  /** As an amqplib consumer would have got it. */
  override getMessage(): RmqMessage {
    return (this.message ??= toRmqMessage(this.origin));
  }

  /** For code that acknowledges by the channel; {@link ack}, {@link nack} and {@link reject} are shorter. */
  override getChannelRef(): RmqChannelRef {
    return (this.channel ??= channelRef(this.getMessage(), this.origin));
  }

  /** What the client's dispatch hook has attached to the packet, if anything. */
  getMetadata(): Record<string, string> | undefined {
    return this.packetMetadata;
  }

  /** The message as it was delivered. */
  get delivery(): Delivery {
    return this.origin.delivery;
  }

  /** The queue it came from. */
  get queue(): string {
    return this.origin.queue;
  }

  /** Which attempt at the message this is: 1, and one more for each retry. Redeliveries do not count. */
  get attempt(): number {
    return this.origin.attempt;
  }

  /** Content type, message id, correlation id, reply-to, … as the publisher set them. */
  get properties(): MessageProperties {
    return this.origin.properties;
  }

  /** The headers, empty where the publisher set none. */
  get headers(): FieldTable {
    return this.origin.headers;
  }

  /** It is settled, or needs no settling (`noAck`). */
  get settled(): boolean {
    return this.delivery.settled;
  }

  /** Done with it. Without effect once it is settled. */
  ack(): void {
    this.origin.ack();
  }

  /** Not done with it. Without effect once it is settled. @param options.requeue default true */
  nack(options: { readonly requeue?: boolean } = {}): void {
    this.origin.nack(options);
  }

  /** Refuses it: dead-lettered where the queue says so, else dropped. @param options.requeue default false */
  reject(options: { readonly requeue?: boolean } = {}): void {
    this.origin.nack({ requeue: options.requeue === true });
  }
}

function toRmqMessage({ delivery, exchange, routingKey, properties }: AmqpContext): RmqMessage {
  const { body, consumerTag, deliveryTag, redelivered } = delivery;
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

function channelRef(own: RmqMessage, origin: AmqpContext): RmqChannelRef {
  // Another handler's message is not this one's to settle: its own context has its own channel.
  const nack = (message: RmqMessage, requeue: boolean): void => {
    if (message === own) origin.nack({ requeue });
  };
  return {
    ack: (message) => {
      if (message === own) origin.ack();
    },
    nack: (message, _allUpTo, requeue = true) => nack(message, requeue),
    reject: (message, requeue = true) => nack(message, requeue),
  };
}
