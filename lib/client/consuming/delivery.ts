import { showAs } from '../../shown/index.js';
import type { Buffer } from 'node:buffer';
import type { Content } from '../../protocol/content.js';
import type { EncodedField } from '../../protocol/field-table.js';
import { readEncodedHeaders, readProperties } from '../../protocol/properties.js';
import type { MessageProperties } from '../../protocol/types.js';
import { diagnostics } from '../diagnostics.js';
import { AlreadySettledError } from '../errors.js';
import { refuseUnknown } from '../option-checks.js';
import type { BrokerPeer } from '../tracing.js';
import type { Settlements } from './settlements.js';

/** The arguments of basic.deliver or basic.get-ok, which precede the content. */
export interface DeliveryInfo {
  readonly consumerTag: string;
  readonly deliveryTag: number;
  readonly redelivered: boolean;
  readonly exchange: string;
  readonly routingKey: string;
  /** Of basic.get-ok. */
  readonly messageCount?: number;
}

/** On the diagnostics channel `nest-amqp:deliver`, before the handler runs. */
export interface DeliverMessage {
  readonly queue: string;
  readonly delivery: Delivery;
}

/** On the diagnostics channel `nest-amqp:settle`: acked, nacked or rejected by this process. */
export interface SettleMessage {
  readonly delivery: Delivery;
  readonly outcome: 'ack' | 'requeue' | 'reject';
}

/** The objects around a message's bytes, in bytes. */
const OVERHEAD = 512;

const SINGLE: { readonly multiple?: boolean } = {};

/** A message that was delivered, or fetched with basic.get. Settle it once, unless it came without acknowledgement. */
export class Delivery {
  /** Empty for basic.get. */
  readonly consumerTag: string;
  readonly deliveryTag: number;
  /** It may have been delivered before. */
  readonly redelivered: boolean;
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Buffer;
  /** Messages that were left in the queue, for basic.get; undefined for a consumer's. */
  readonly messageCount: number | undefined;
  private isSettled: boolean;
  private decoded: MessageProperties | undefined;

  constructor(
    info: DeliveryInfo,
    private readonly content: Content,
    noAck: boolean,
    private readonly settlements: Settlements,
  ) {
    this.consumerTag = info.consumerTag;
    this.deliveryTag = info.deliveryTag;
    this.redelivered = info.redelivered;
    this.exchange = info.exchange;
    this.routingKey = info.routingKey;
    this.body = content.body;
    this.messageCount = info.messageCount;
    this.isSettled = noAck;
  }

  /** Decoded when first asked for. @throws WireError when the publisher sent malformed headers */
  get properties(): MessageProperties {
    return (this.decoded ??= readProperties(this.content.propertiesReader()));
  }

  /**
   * The headers with their values as they came, type and all: to be published on without a change, which decoded values
   * cannot promise (a `uint8` is a plain number then). Read anew each time. @throws WireError when they are malformed
   */
  get encodedHeaders(): Record<string, EncodedField> {
    return readEncodedHeaders(this.content.propertiesReader());
  }

  /** It was settled here, or needs no settling. */
  get settled(): boolean {
    return this.isSettled;
  }

  /** Its channel was lost or closed: the broker delivers the message again unless it was settled, and settling it has no effect. */
  get stale(): boolean {
    return this.settlements.ended;
  }

  /**
   * Done with it (basic.ack). Without effect, but for a line in the log, when the channel was lost meanwhile.
   *
   * @param options.multiple this and all earlier ones of the channel. Default false
   * @throws AlreadySettledError, ConfigurationError for an option that does not exist
   */
  ack(options: { readonly multiple?: boolean } = SINGLE): void {
    if (options !== SINGLE) refuseUnknown('ack', options, ['multiple']);
    this.settle('ack', 'ack');
    this.settlements.ack(this.deliveryTag, options.multiple === true);
  }

  /**
   * Not done with it (basic.nack, https://www.rabbitmq.com/docs/nack).
   *
   * @param options.requeue back to its queue, at its place if possible; else dead-lettered or dropped. Default true
   * @param options.multiple this and all earlier ones of the channel. Default false
   * @throws AlreadySettledError, ConfigurationError for an option that does not exist
   */
  nack(options: { readonly requeue?: boolean; readonly multiple?: boolean } = {}): void {
    refuseUnknown('nack', options, ['requeue', 'multiple']);
    this.settle('nack', options.requeue === false ? 'reject' : 'requeue');
    this.settlements.nack(this.deliveryTag, options.multiple === true, options.requeue !== false);
  }

  /**
   * Refuses it: dead-lettered where the queue says so, else dropped.
   *
   * @param options.requeue back to its queue instead. Default false
   * @throws AlreadySettledError, ConfigurationError for an option that does not exist
   */
  reject(options: { readonly requeue?: boolean } = {}): void {
    refuseUnknown('reject', options, ['requeue']);
    this.settle('reject', options.requeue === true ? 'requeue' : 'reject');
    this.settlements.nack(this.deliveryTag, false, options.requeue === true);
  }

  /** @internal The broker that it came from. */
  get peer(): BrokerPeer | undefined {
    return this.settlements.peer;
  }

  /** @internal About the memory that it takes, in bytes. */
  get footprint(): number {
    return this.content.size + OVERHEAD;
  }

  /** The body as UTF-8. */
  text(): string {
    return this.body.toString('utf8');
  }

  /** The body as JSON. @throws SyntaxError */
  json(): unknown {
    return JSON.parse(this.text());
  }

  private settle(what: string, outcome: SettleMessage['outcome']): void {
    if (this.isSettled) {
      throw new AlreadySettledError(
        `${what}: delivery ${this.deliveryTag} was settled before, or needs no settlement (noAck)`,
      );
    }
    this.isSettled = true;
    if (diagnostics.settle.hasSubscribers) {
      const message: SettleMessage = { delivery: this, outcome };
      diagnostics.settle.publish(message);
    }
  }
}

showAs(Delivery, ({ consumerTag, deliveryTag, redelivered, exchange, routingKey, settled, body }) => ({
  consumerTag,
  deliveryTag,
  redelivered,
  exchange,
  routingKey,
  settled,
  bodySize: body.length,
}));
