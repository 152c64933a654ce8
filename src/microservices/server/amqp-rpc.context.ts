import { showAs } from '../../../lib/shown/index.js';
import type { Buffer } from 'node:buffer';
import { RmqContext } from '@nestjs/microservices';
import type { Delivery, FieldTable, MessageProperties } from '../../../lib/client/index.js';
import { checkRequeue, type AmqpContext } from '../../settlement/amqp-context.js';
import type { Route } from './server-sink.js';

/** A delivery in amqplib's form, for handlers that were written for `Transport.RMQ`. */
export interface RmqMessage {
  readonly content: Buffer;
  readonly fields: Readonly<Pick<Delivery, 'consumerTag' | 'deliveryTag' | 'redelivered' | 'exchange' | 'routingKey'>>;
  readonly properties: Readonly<
    Omit<MessageProperties, 'headers' | 'timestamp'> & {
      /** Empty if the publisher set none. */
      headers: FieldTable;
      /** Seconds since 1970. */
      timestamp: number | undefined;
    }
  >;
}

/**
 * The part of amqplib's channel that handlers of `Transport.RMQ` use to settle their message. Each call settles the
 * message of its own context; a second call has no effect.
 */
export interface RmqChannelRef {
  ack(message: RmqMessage): void;
  /** @param requeue default true */
  nack(message: RmqMessage, allUpTo?: boolean, requeue?: boolean): void;
  /** @param requeue default true */
  reject(message: RmqMessage, requeue?: boolean): void;
}

/**
 * Everything about a message except its payload. Handlers get it by `@Ctx()`. It extends `RmqContext`, so handlers that
 * take an `RmqContext` keep working.
 *
 * @example
 * ```ts
 * @EventPattern('order.created')
 * onCreated(@Payload() order: Order, @Ctx() context: AmqpRpcContext) {
 *   console.log(context.attempt, context.headers['x-tenant']);
 * }
 * ```
 *
 * @publicApi
 */
export class AmqpRpcContext extends RmqContext {
  private message: RmqMessage | undefined;
  private channel: RmqChannelRef | undefined;

  /** @param route how the message is settled and answered */
  constructor(
    /** @internal */
    readonly origin: AmqpContext,
    private readonly pattern: string,
    private readonly packetMetadata: Record<string, string> | undefined,
    /** @internal */
    readonly route: Route,
  ) {
    // Created on demand, since most handlers use none of it.
    super([] as never);
  }

  override getArgs(): [RmqMessage, RmqChannelRef, string] {
    return [this.getMessage(), this.getChannelRef(), this.pattern];
  }

  override getArgByIndex(index: number): unknown {
    return this.getArgs()[index];
  }

  /** Returns the pattern of the handler's message. */
  override getPattern(): string {
    return this.pattern;
  }

  /** Returns the message in amqplib's form. */
  override getMessage(): RmqMessage {
    return (this.message ??= toRmqMessage(this.origin));
  }

  /** Returns a channel for code that settles by channel; {@link ack}, {@link nack} and {@link reject} are shorter. */
  override getChannelRef(): RmqChannelRef {
    return (this.channel ??= channelRef(this.getMessage(), this.origin));
  }

  /** Returns the metadata that the client's dispatch hook attached to the packet; undefined if there is none. */
  getMetadata(): Record<string, string> | undefined {
    return this.packetMetadata;
  }

  /** The message as delivered. */
  get delivery(): Delivery {
    return this.origin.delivery;
  }

  /** The queue that the message was consumed from. */
  get queue(): string {
    return this.origin.queue;
  }

  /** Number of the attempt, from 1. Each retry adds one; redeliveries do not count. */
  get attempt(): number {
    return this.origin.attempt;
  }

  /** Aborted when the result of the handler does not count any more, see {@link AmqpContext.signal}. */
  get signal(): AbortSignal {
    return this.origin.signal;
  }

  /** Content type, message id, correlation id, reply-to, … as the publisher set them. */
  get properties(): MessageProperties {
    return this.origin.properties;
  }

  /** The headers; empty if the publisher set none. */
  get headers(): FieldTable {
    return this.origin.headers;
  }

  /** True if the message is settled, or needs no settlement (`noAck`). */
  get settled(): boolean {
    return this.delivery.settled;
  }

  /** Acknowledges the message. Has no effect if it is settled. */
  ack(): void {
    this.origin.ack();
  }

  /**
   * Returns the message to the queue, or dead-letters it. Has no effect if it is settled.
   *
   * @param options.requeue default true
   * @throws ConfigurationError for an unknown option or a wrong value; the message is not settled
   */
  nack(options: { readonly requeue?: boolean } = {}): void {
    this.origin.nack(options);
  }

  /**
   * Rejects the message: it is dead-lettered if the queue has a dead-letter exchange, else dropped.
   *
   * @param options.requeue default false
   * @throws ConfigurationError for an unknown option or a wrong value; the message is not settled
   */
  reject(options: { readonly requeue?: boolean } = {}): void {
    checkRequeue('reject', options);
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
  // A handler settles only its own message; another message has its own context and channel.
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

showAs(AmqpRpcContext, ({ queue, attempt, delivery }) => ({ queue, attempt, delivery }));
