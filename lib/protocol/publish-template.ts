import type { Buffer } from 'node:buffer';
import { ASCII_MAX, ByteWriter, putAscii } from './bytes.js';
import { isEmptyTable } from './field-table.js';
import { methodId } from './methods.js';
import { writeProperties } from './properties.js';
import { BASIC_CLASS, FRAME_END, FrameType } from './spec.js';
import type { OutgoingMessage, OutgoingProperties } from './types.js';

const PUBLISH = methodId('basic.publish');
/** Bytes of the header frame before its properties: frame header, class, weight, body size. */
const PROPERTIES_OFFSET = 7 + 12;

/** Position of an id in the header frame, where another id of the same length can be written over it. */
interface IdPlace {
  /** Position of its first byte; 0 if there is no id. */
  at: number;
  size: number;
}

/**
 * The method frame and header frame of a basic.publish, except for channel and body size. A publisher's next message
 * often has the same address and properties as the last one, apart from its ids; then both frames exist already, and
 * only the ids are written.
 *
 * ```
 * 0: 01 ‥channel‥ size | 003c 0028 0000 exchange routingKey bits | ce
 * headerAt: 02 ‥channel‥ size | 003c 0000 ‥body size‥ flags properties | ce
 * ```
 */
export class PublishTemplate {
  /** Position of the header frame. */
  headerAt = 0;
  private readonly writer = new ByteWriter();
  private bytes: Buffer = this.writer.view();
  private addressed = false;
  private exchange = '';
  private routingKey = '';
  private mandatory = false;
  /** Properties of the last message that can be reused. */
  private properties: OutgoingProperties | undefined;
  private readonly correlationId: IdPlace = { at: 0, size: 0 };
  private readonly messageId: IdPlace = { at: 0, size: 0 };

  /** Returns both frames, valid until the next call. @throws EncodingError that names the invalid value */
  encode({ exchange, mandatory, properties }: OutgoingMessage, routingKey: string): Buffer {
    const sameAddress =
      this.addressed && exchange === this.exchange && routingKey === this.routingKey && mandatory === this.mandatory;
    if (!sameAddress) this.writeAddress(exchange, routingKey, mandatory);
    else if (this.differsByIds(properties)) return this.bytes;
    this.writeProperties(properties);
    return this.bytes;
  }

  /** Writes everything before the properties. */
  private writeAddress(exchange: string, routingKey: string, mandatory: boolean): void {
    const { writer } = this;
    // Set again when all of it is written, so that an error in between invalidates the template.
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

  private writeProperties(properties: OutgoingProperties): void {
    const { writer, headerAt } = this;
    this.properties = undefined;
    writer.reset(headerAt + PROPERTIES_OFFSET);
    writeProperties(writer, properties);
    writer.longAt(headerAt + 3, writer.length - headerAt - 7);
    writer.octet(FRAME_END);
    this.bytes = writer.view();
    if (!mayComeAgain(properties)) return;
    this.properties = literalsOf(properties);
    this.findIds(properties);
  }

  /** Returns true if only the ids differ, and writes them. */
  private differsByIds(properties: OutgoingProperties): boolean {
    return (
      this.properties !== undefined &&
      sameLiterals(properties, this.properties) &&
      this.writeId(this.correlationId, properties.correlationId) &&
      this.writeId(this.messageId, properties.messageId)
    );
  }

  private writeId({ at, size }: IdPlace, id: string | undefined): boolean {
    if (id === undefined || at === 0) return id === undefined && at === 0;
    return typeof id === 'string' && id.length === size && size <= ASCII_MAX && putAscii(this.bytes, at, id);
  }

  private findIds(properties: OutgoingProperties): void {
    const { bytes } = this;
    let at = this.headerAt + PROPERTIES_OFFSET + 2;
    const skipShortstr = (value: string | number | undefined): void => {
      if (value !== undefined) at += 1 + bytes[at]!;
    };
    const note = (place: IdPlace, id: string | undefined): void => {
      place.at = id === undefined ? 0 : at + 1;
      place.size = id === undefined ? 0 : bytes[at]!;
      skipShortstr(id);
    };
    skipShortstr(properties.contentType);
    skipShortstr(properties.contentEncoding);
    if (properties.headers !== undefined) at += 4;
    if (properties.deliveryMode !== undefined) at += 1;
    if (properties.priority !== undefined) at += 1;
    note(this.correlationId, properties.correlationId);
    skipShortstr(properties.replyTo);
    skipShortstr(properties.expiration);
    note(this.messageId, properties.messageId);
  }
}

/** A table or date may be changed in place without notice, except an empty table. */
function mayComeAgain({ headers, timestamp }: OutgoingProperties): boolean {
  return timestamp === undefined && (headers === undefined || isEmptyTable(headers));
}

/** Returns the properties without ids. */
function literalsOf(properties: OutgoingProperties): OutgoingProperties {
  const { contentType, contentEncoding, deliveryMode, priority, replyTo, expiration } = properties;
  const { type, userId, appId, clusterId } = properties;
  return {
    contentType,
    contentEncoding,
    headers: properties.headers && NO_HEADERS,
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

const NO_HEADERS = {};

/**
 * Returns true if `given` has the same properties as `remembered`, apart from ids. Compares values, since callers
 * create a new object for each message.
 */
function sameLiterals(given: OutgoingProperties, remembered: OutgoingProperties): boolean {
  return (
    mayComeAgain(given) &&
    (given.headers === undefined) === (remembered.headers === undefined) &&
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
