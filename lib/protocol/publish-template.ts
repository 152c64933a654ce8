import type { Buffer } from 'node:buffer';
import { ByteWriter } from './bytes.js';
import { methodId } from './methods.js';
import { writeProperties } from './properties.js';
import { FRAME_END, FrameType } from './spec.js';
import type { MessageProperties } from './types.js';

const PUBLISH = methodId('basic.publish');
const BASIC_CLASS = 60;
/** From the start of the header frame: frame header, class, weight, body size. */
const PROPERTIES_OFFSET = 7 + 12;

/**
 * The method and the header frame of a basic.publish, but for channel and body size. A publisher's next message often
 * differs from its last in the body only: then they are there already.
 *
 *     0: 01 ‥channel‥ size | 003c 0028 0000 exchange routingKey bits | ce
 *     headerAt: 02 ‥channel‥ size | 003c 0000 ‥body size‥ flags properties | ce
 */
export class PublishTemplate {
  /** Where the header frame begins. */
  headerAt = 0;
  private readonly writer = new ByteWriter();
  private bytes: Buffer = this.writer.view();
  private addressed = false;
  private exchange = '';
  private routingKey = '';
  private mandatory = false;
  private properties: MessageProperties | undefined;

  /** Both frames, valid until the next call. @throws EncodingError that names what is wrong */
  encode(exchange: string, routingKey: string, mandatory: boolean, properties: MessageProperties): Buffer {
    const sameAddress =
      this.addressed && exchange === this.exchange && routingKey === this.routingKey && mandatory === this.mandatory;
    if (!sameAddress) this.writeAddress(exchange, routingKey, mandatory);
    else if (this.properties && sameLiterals(properties, this.properties)) return this.bytes;
    this.writeProperties(properties);
    return this.bytes;
  }

  /** All that comes before the properties. */
  private writeAddress(exchange: string, routingKey: string, mandatory: boolean): void {
    const { writer } = this;
    // Until all of it is there, there is nothing to come back to.
    this.addressed = false;
    this.properties = undefined;
    writer.reset();
    writer.octet(FrameType.method);
    writer.short(0);
    writer.long(0);
    writer.long(PUBLISH);
    writer.short(0);
    writer.shortstr(exchange, 'exchange');
    writer.shortstr(routingKey, 'routingKey');
    writer.octet(mandatory ? 1 : 0);
    writer.longAt(3, writer.length - 7);
    writer.octet(FRAME_END);
    this.headerAt = writer.length;
    writer.octet(FrameType.header);
    writer.short(0);
    writer.long(0);
    writer.long(BASIC_CLASS * 0x1_0000);
    writer.long(0);
    writer.long(0);
    this.addressed = true;
    this.exchange = exchange;
    this.routingKey = routingKey;
    this.mandatory = mandatory;
  }

  private writeProperties(properties: MessageProperties): void {
    const { writer, headerAt } = this;
    this.properties = undefined;
    writer.reset(headerAt + PROPERTIES_OFFSET);
    writeProperties(writer, properties);
    writer.longAt(headerAt + 3, writer.length - headerAt - 7);
    writer.octet(FRAME_END);
    this.bytes = writer.view();
    if (mayComeAgain(properties)) this.properties = literalsOf(properties);
  }
}

/** An id makes a message the only one; a table or a date may be changed in place, unseen. */
function mayComeAgain({ messageId, correlationId, headers, timestamp }: MessageProperties): boolean {
  return messageId === undefined && correlationId === undefined && headers === undefined && timestamp === undefined;
}

function literalsOf(properties: MessageProperties): MessageProperties {
  const { contentType, contentEncoding, deliveryMode, priority, replyTo, expiration } = properties;
  const { type, userId, appId, clusterId } = properties;
  return {
    contentType,
    contentEncoding,
    deliveryMode,
    priority,
    replyTo,
    expiration,
    type,
    userId,
    appId,
    clusterId,
  };
}

/** Whether `given` has nothing but what `remembered` has. By value: callers build a new object each time. */
function sameLiterals(given: MessageProperties, remembered: MessageProperties): boolean {
  return (
    mayComeAgain(given) &&
    given.contentType === remembered.contentType &&
    given.contentEncoding === remembered.contentEncoding &&
    given.deliveryMode === remembered.deliveryMode &&
    given.priority === remembered.priority &&
    given.replyTo === remembered.replyTo &&
    given.expiration === remembered.expiration &&
    given.type === remembered.type &&
    given.userId === remembered.userId &&
    given.appId === remembered.appId &&
    given.clusterId === remembered.clusterId
  );
}
