import { showAs } from '../../shown/index.js';
import type { Buffer } from 'node:buffer';
import type { Content } from '../../protocol/content.js';
import type { EncodedField, FieldTable } from '../../protocol/field-table.js';
import { readEncodedHeaders, readProperties } from '../../protocol/properties.js';
import type { MessageProperties } from '../../protocol/types.js';
import { diagnostics } from '../diagnostics.js';
import { AlreadySettledError } from '../errors.js';
import { FLAG } from '../../option-names/index.js';
import { checkOptions } from '../option-checks.js';
import { traceCall, tracesSettlements, tracing, type BrokerPeer } from '../tracing.js';
import type { Settlements } from './settlements.js';

/** The arguments of basic.deliver or basic.get-ok, which precede the content. */
export interface DeliveryInfo {
  readonly consumerTag: string;
  readonly deliveryTag: number;
  readonly redelivered: boolean;
  readonly exchange: string;
  readonly routingKey: string;
  /** Number of messages left in the queue, of basic.get-ok. */
  readonly messageCount?: number;
}

/** The message of the diagnostics channel `nest-amqp:deliver`, before the handler runs. */
export interface DeliverMessage {
  /** The name of the queue that was given to `basicConsume`. */
  readonly queue: string;
  /** The message, which is not settled yet. */
  readonly delivery: Delivery;
}

/** The message of the diagnostics channel `nest-amqp:settle`: this process has settled a delivery. */
export interface SettleMessage {
  /** The message that was settled. */
  readonly delivery: Delivery;
  /** `requeue`: it returns to its queue; `reject`: it is dead-lettered or dropped. */
  readonly outcome: 'ack' | 'requeue' | 'reject';
}

/**
 * The message of `tracing:nest-amqp:settle:*`: one settlement, from its call until it is handed to the connection. The
 * broker does not answer it.
 */
export interface SettleTrace {
  /** Its `stale` is true if the channel was lost before, so that the settlement has no effect. */
  readonly delivery: Delivery;
  /** The method that was called. */
  readonly method: 'ack' | 'nack' | 'reject';
  /** True if the message goes back to its queue. */
  readonly requeue: boolean;
  /** True if all earlier deliveries of the channel are settled with it. */
  readonly multiple: boolean;
  /** `AlreadySettledError`, which the call has thrown. */
  readonly error?: unknown;
}

/** Approximate size of the objects around a message's bytes, in bytes. */
const OVERHEAD = 512;

const SINGLE: { readonly multiple?: boolean } = {};

/** The checks of the options of each settlement. */
const ACK = { multiple: FLAG };
const REJECT = { requeue: FLAG };
const NACK = { ...ACK, ...REJECT };

/**
 * A message that was delivered, or fetched with basic.get. Settle it once, unless it needs no acknowledgement
 * (`noAck`).
 *
 * @example
 * ```ts
 * await channel.basicConsume('billing', (delivery) => {
 *   if (delivery.properties.contentType !== 'application/json') return delivery.reject();
 *   console.log(delivery.routingKey, delivery.json());
 *   delivery.ack();
 * });
 * ```
 *
 * @see https://www.rabbitmq.com/docs/confirms#consumer-acknowledgements
 */
export class Delivery {
  /** The consumer tag; empty for basic.get. */
  readonly consumerTag: string;
  /** Number of the delivery on its channel, from 1. It starts again when the channel opens again. */
  readonly deliveryTag: number;
  /** True if the message may have been delivered before. */
  readonly redelivered: boolean;
  /** The exchange that the message was published to; `''` is the default exchange. */
  readonly exchange: string;
  /** The routing key that the message was published with. */
  readonly routingKey: string;
  /** The body as it arrived. A compressed body is not decoded. */
  readonly body: Buffer;
  /** For basic.get: number of messages left in the queue. Undefined for deliveries of a consumer. */
  readonly messageCount: number | undefined;
  private isSettled: boolean;
  private decoded: MessageProperties | undefined;
  /** Headers that {@link encodedHeaders} leaves out. */
  private hidden: readonly string[] = [];

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

  /**
   * The message's properties, decoded at the first read.
   *
   * @throws WireError if the publisher has sent malformed headers
   */
  get properties(): MessageProperties {
    return (this.decoded ??= readProperties(this.content.propertiesReader()));
  }

  /**
   * The headers with their original types, for publishing them unchanged. Decoded headers lose types: a `uint8` becomes
   * a plain number. They are decoded again at each read.
   *
   * @example
   * ```ts
   * await channel.publish('', 'archive', delivery.body, { headers: delivery.encodedHeaders });
   * ```
   *
   * @throws WireError if they are malformed
   */
  get encodedHeaders(): Record<string, EncodedField> {
    const headers = readEncodedHeaders(this.content.propertiesReader());
    for (const name of this.hidden) delete headers[name];
    return headers;
  }

  /** True if this delivery was settled by a call of its own, or needs no settlement. The `multiple` of a later one does not count. */
  get settled(): boolean {
    return this.isSettled;
  }

  /**
   * True if its channel was lost or closed. The broker delivers an unsettled message again, and settling it here has no
   * effect.
   */
  get stale(): boolean {
    return this.settlements.ended;
  }

  /**
   * Acknowledges the message (basic.ack, section 1.8.3.13). If the channel was lost meanwhile, the call only writes a line to the log.
   *
   * @param options.multiple also settles all earlier deliveries of the channel. Default false
   * @throws AlreadySettledError, ConfigurationError for an option that does not exist
   */
  ack(options: { readonly multiple?: boolean } = SINGLE): void {
    if (options !== SINGLE) checkOptions('ack', options, ACK);
    this.settle('ack', false, options.multiple === true);
  }

  /**
   * Returns the message to its queue (basic.nack, https://www.rabbitmq.com/docs/nack).
   *
   * @param options.requeue true returns it to its queue, at its place if possible; false dead-letters or drops it.
   * Default true
   * @param options.multiple also settles all earlier deliveries of the channel. Default false
   * @throws AlreadySettledError, ConfigurationError for an option that does not exist
   */
  nack(options: { readonly requeue?: boolean; readonly multiple?: boolean } = {}): void {
    checkOptions('nack', options, NACK);
    this.settle('nack', options.requeue !== false, options.multiple === true);
  }

  /**
   * Rejects the message (basic.reject, section 1.8.3.14): it is dead-lettered if the queue has a dead-letter exchange, else dropped.
   *
   * @param options.requeue true returns it to its queue instead. Default false
   * @throws AlreadySettledError, ConfigurationError for an option that does not exist
   */
  reject(options: { readonly requeue?: boolean } = {}): void {
    checkOptions('reject', options, REJECT);
    this.settle('reject', options.requeue === true, false);
  }

  /**
   * @internal Replaces the headers. Those that are missing or changed are left out of {@link encodedHeaders}.
   */
  showHeaders(headers: FieldTable | undefined): void {
    const { headers: before = {}, ...others } = this.properties;
    this.hidden = Object.keys(before).filter((name) => headers?.[name] !== before[name]);
    this.decoded = headers === undefined ? others : { ...others, headers };
  }

  /** @internal The broker that it came from. */
  get peer(): BrokerPeer | undefined {
    return this.settlements.peer;
  }

  /** @internal The approximate memory of the delivery, in bytes. */
  get footprint(): number {
    return this.content.size + OVERHEAD;
  }

  /** The body, decoded as UTF-8. Invalid bytes become U+FFFD. */
  text(): string {
    return this.body.toString('utf8');
  }

  /** The body, parsed as JSON. @throws SyntaxError if it is not JSON */
  json(): unknown {
    return JSON.parse(this.text());
  }

  private settle(method: SettleTrace['method'], requeue: boolean, multiple: boolean): void {
    if (tracesSettlements()) {
      const message: SettleTrace = { delivery: this, method, requeue, multiple };
      traceCall(tracing.settle, message, () => this.carryOut(method, requeue, multiple));
    } else this.carryOut(method, requeue, multiple);
  }

  private carryOut(method: SettleTrace['method'], requeue: boolean, multiple: boolean): void {
    if (this.isSettled) {
      throw new AlreadySettledError(
        `${method}: delivery ${this.deliveryTag} was settled before, or needs no settlement (noAck)`,
      );
    }
    this.isSettled = true;
    if (diagnostics.settle.hasSubscribers) {
      const outcome = method === 'ack' ? method : requeue ? 'requeue' : 'reject';
      const message: SettleMessage = { delivery: this, outcome };
      diagnostics.settle.publish(message);
    }
    if (method === 'ack') this.settlements.ack(this.deliveryTag, multiple);
    else this.settlements.nack(this.deliveryTag, multiple, requeue);
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
