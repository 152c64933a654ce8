import { Buffer } from 'node:buffer';
import { ByteReader } from '../../protocol/bytes.js';
import type { Content } from '../../protocol/content.js';
import { WireError } from '../../protocol/errors.js';
import { ACK, DELIVER, NACK, readDeliver, readDeliveryTag, readMultiple } from '../../protocol/hot-methods.js';
import { readMethod } from '../../protocol/methods.js';
import { DeliverNames } from '../../protocol/name-cache.js';
import { readProperties } from '../../protocol/properties.js';
import type { Method, MethodArguments } from '../../protocol/types.js';
import { readUint32 } from '../../protocol/uint.js';
import type { CloseArguments } from '../close-error.js';
import type { ConsumerSet } from '../consuming/consumer-set.js';
import { Delivery, type DeliveryInfo } from '../consuming/delivery.js';
import type { Settlements } from '../consuming/settlements.js';
import type { ResolvedOptions } from '../link/connection-options.js';
import type { FrameReceiver } from '../link/link.js';
import type { PendingCalls } from '../link/pending-calls.js';
import type { Publisher } from '../publishing/publisher.js';
import { returnedMessage } from '../publishing/returned-message.js';
import type { Report } from '../safe-emitter.js';
import type { ChannelEvents } from './channel-events.js';
import { IncomingContent, type Announced } from './incoming-content.js';

/** The part of a channel that its receiver uses. */
export interface ReceivingChannel {
  readonly id: number;
  readonly consumers: ConsumerSet;
  readonly publisher: Publisher;
  readonly rpc: PendingCalls;
  /** The settlements of the present generation. */
  readonly settlements: Settlements;
  readonly report: Report<ChannelEvents>;
  /** channel.flow */
  onFlow(active: boolean): void;
  /** channel.close */
  onCloseByBroker(close: CloseArguments): void;
}

/** Reads the frames of one channel, and passes each method and message to the responsible part of the channel. */
export class ChannelReceiver implements FrameReceiver {
  private readonly content: IncomingContent;
  private readonly names = new DeliverNames();
  private readonly reader = new ByteReader(Buffer.alloc(0));

  constructor(
    private readonly channel: ReceivingChannel,
    private readonly options: Pick<ResolvedOptions, 'maxMessageSize' | 'logger'>,
  ) {
    this.content = new IncomingContent(
      (announced, content, size, header) => this.onContent(announced, content, size, header),
      options.maxMessageSize,
    );
  }

  get midContent(): boolean {
    return !this.content.idle;
  }

  /** Called when the channel is lost. An incomplete message is dropped. */
  reset(): void {
    this.content.reset();
  }

  onMethod(buffer: Buffer, start: number, end: number): void {
    if (!this.content.idle) throw new WireError('UNEXPECTED_FRAME', 'a method where content was due');
    if (end - start < 4) throw new WireError('SYNTAX_ERROR', 'a truncated method');
    switch (readUint32(buffer, start)) {
      case DELIVER:
        return this.content.expect({ method: 'basic.deliver', args: readDeliver(buffer, start, end, this.names) });
      case ACK: {
        const deliveryTag = readDeliveryTag(buffer, start, end);
        const multiple = readMultiple(buffer, start);
        this.channel.publisher.onAck(deliveryTag, multiple);
        return this.channel.report('ack', deliveryTag, multiple);
      }
      case NACK: {
        const deliveryTag = readDeliveryTag(buffer, start, end);
        const multiple = readMultiple(buffer, start);
        this.channel.publisher.onNack(deliveryTag, multiple);
        return this.channel.report('nack', deliveryTag, multiple);
      }
      default:
        return this.onColdMethod(readMethod(this.reader.over(buffer, start, end)));
    }
  }

  onHeader(buffer: Buffer, start: number, end: number, limit: number): void {
    this.content.onHeader(buffer, start, end, limit);
  }

  onBody(buffer: Buffer, start: number, end: number): void {
    this.content.onBody(buffer, start, end);
  }

  private onColdMethod(method: Method): void {
    switch (method.name) {
      case 'basic.getOk':
        return this.content.expect({ method: method.name, args: { consumerTag: '', ...method.args } });
      case 'basic.return':
        return this.content.expect({ method: method.name, args: method.args });
      case 'basic.cancel':
        return this.channel.consumers.onCancelled(method.args.consumerTag);
      case 'channel.flow':
        return this.channel.onFlow(method.args.active);
      case 'channel.close':
        return this.channel.onCloseByBroker(method.args);
      default:
        if (this.channel.rpc.settle(method.name, method)) return;
        throw new WireError('COMMAND_INVALID', `${method.name}, for which no call waits`);
    }
  }

  private onContent({ method, args }: Announced, content: Content | undefined, size: number, header: Content): void {
    switch (method) {
      case 'basic.deliver':
        return this.onDelivery(args, content, size, header);
      case 'basic.return':
        return this.onReturn(args, header, size);
      case 'basic.getOk':
        this.channel.rpc.settle(method, (noAck: boolean) =>
          this.receive(args, content, size, { noAck, requeue: true }),
        );
    }
  }

  private onDelivery(info: DeliveryInfo, content: Content | undefined, size: number, header: Content): void {
    const consumer = this.channel.consumers.get(info.consumerTag);
    const noAck = consumer?.options.noAck === true;
    if (!content && consumer?.options.onTooLarge) {
      const { settlements } = this.channel;
      settlements.delivered(info.deliveryTag, noAck);
      this.channel.report('tooLarge', info, size);
      const delivery = new Delivery(info, header, noAck, settlements);
      return consumer.deliverTooLarge(delivery, size, this.options.maxMessageSize);
    }
    const delivery = this.receive(info, content, size, { noAck, requeue: false });
    if (!delivery) return;
    // The broker sent the message before it knew that nobody waits for it any more.
    if (consumer?.ended && noAck) return;
    if (consumer) consumer.deliver(delivery);
    else if (!this.channel.consumers.leftUnheard) delivery.nack({ requeue: true });
  }

  /**
   * Returns the delivery; undefined for a message over `maxMessageSize`.
   *
   * @param how.requeue returns such a message to its queue. A consumer would get it again at once, and so on for ever; the
   *   caller of basic.get decides
   */
  private receive(
    info: DeliveryInfo,
    content: Content | undefined,
    size: number,
    { noAck, requeue }: { readonly noAck: boolean; readonly requeue: boolean },
  ): Delivery | undefined {
    const { id, report, settlements } = this.channel;
    settlements.delivered(info.deliveryTag, noAck);
    if (content) return new Delivery(info, content, noAck, settlements);
    if (!noAck) settlements.nack(info.deliveryTag, false, requeue);
    const { logger, maxMessageSize } = this.options;
    const outcome = noAck ? 'dropped' : requeue ? 'requeued' : 'rejected';
    logger.warn(`channel ${id}: ${outcome} a message of ${size} bytes; maxMessageSize is ${maxMessageSize}`);
    report('tooLarge', info, size);
    return undefined;
  }

  private onReturn(args: MethodArguments<'basic.return'>, content: Content, bodySize: number): void {
    const properties = readProperties(content.propertiesReader());
    const returned = returnedMessage({ ...args, properties, body: content.body, bodySize });
    const { publisher, rpc, report } = this.channel;
    // A return before the answer to confirm.select belongs to an earlier publish, whose promise has settled.
    const waitedFor = !rpc.awaits('confirm.select') && publisher.onReturn(returned, content.properties);
    if (!waitedFor) report('return', returned);
  }
}
