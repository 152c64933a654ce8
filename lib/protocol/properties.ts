import type { ByteReader, ByteWriter } from './bytes.js';
import { describe } from './bytes.js';
import { EncodingError, WireError } from './errors.js';
import { readEncodedTable, readTable, writeTable, type EncodedField } from './field-table.js';
import { properties as spec } from './spec.js';
import { readTimestamp, writeTimestamp } from './timestamp.js';
import type { FieldTable } from './field-table.js';
import type { MessageProperties, OutgoingProperties } from './types.js';

type Name = keyof MessageProperties;

const fields = Object.entries(spec).map(([name, kind], index) => ({
  name: name as Name,
  kind,
  flag: 1 << (15 - index),
}));

/** A property's flag: bit 15 is the first one's. */
const flag = Object.fromEntries(fields.map((field) => [field.name, field.flag])) as Record<Name, number>;

/**
 * Writes the flags and the properties that are set (section 4.2.6.1). By hand, since it runs for every publish: to go
 * through the table by name took longer than the rest of a publish.
 *
 * @throws EncodingError that names the property
 */
export function writeProperties(writer: ByteWriter, properties: OutgoingProperties): void {
  const { contentType, contentEncoding, headers, deliveryMode, priority, correlationId, replyTo } = properties;
  const { expiration, messageId, timestamp, type, userId, appId, clusterId } = properties;
  const flagsAt = writer.length;
  writer.short(0);
  const flags =
    shortstr(writer, 'contentType', contentType) |
    shortstr(writer, 'contentEncoding', contentEncoding) |
    (headers === undefined ? 0 : (writeTable(writer, headers as FieldTable, 'headers'), flag.headers)) |
    octet(writer, 'deliveryMode', deliveryMode) |
    octet(writer, 'priority', priority) |
    shortstr(writer, 'correlationId', correlationId) |
    shortstr(writer, 'replyTo', replyTo) |
    shortstr(writer, 'expiration', typeof expiration === 'number' ? milliseconds(expiration) : expiration) |
    shortstr(writer, 'messageId', messageId) |
    (timestamp === undefined ? 0 : (writeTimestamp(writer, timestamp, 'timestamp'), flag.timestamp)) |
    shortstr(writer, 'type', type) |
    shortstr(writer, 'userId', userId) |
    shortstr(writer, 'appId', appId) |
    shortstr(writer, 'clusterId', clusterId);
  writer.shortAt(flagsAt, flags);
}

function shortstr(writer: ByteWriter, name: Name, value: string | undefined): number {
  if (value === undefined) return 0;
  writer.messageShortstr(value, name);
  return flag[name];
}

/** The longest time that RabbitMQ takes. */
const MAX_EXPIRATION = 0xffff_ffff;

function milliseconds(expiration: number): string {
  if (Number.isInteger(expiration) && expiration >= 0 && expiration <= MAX_EXPIRATION) return String(expiration);
  throw new EncodingError(`expiration must be a whole number of ms from 0 to ${MAX_EXPIRATION}, not ${expiration}`);
}

function octet(writer: ByteWriter, name: Name, value: number | undefined): number {
  if (value === undefined) return 0;
  if (!Number.isInteger(value) || value < 0 || value > 0xff) {
    throw new EncodingError(
      `${name} must be a whole number from 0 to 255, not ${typeof value === 'number' ? value : describe(value)}`,
    );
  }
  writer.octet(value);
  return flag[name];
}

/** Reads what `writeProperties` wrote; by hand, too, since it runs for most deliveries. @throws WireError */
export function readProperties(reader: ByteReader): MessageProperties {
  const flags = reader.short();
  // Bit 0 announces another word of flags; class basic has none, and bit 1 has no property.
  if (flags & 0b11) throw new WireError('SYNTAX_ERROR', 'content header with flags that class basic does not have');
  const properties: { -readonly [N in Name]?: MessageProperties[N] } = {};
  if (flags & flag.contentType) properties.contentType = reader.shortstr();
  if (flags & flag.contentEncoding) properties.contentEncoding = reader.shortstr();
  if (flags & flag.headers) properties.headers = readTable(reader);
  if (flags & flag.deliveryMode) properties.deliveryMode = reader.octet();
  if (flags & flag.priority) properties.priority = reader.octet();
  if (flags & flag.correlationId) properties.correlationId = reader.shortstr();
  if (flags & flag.replyTo) properties.replyTo = reader.shortstr();
  if (flags & flag.expiration) properties.expiration = reader.shortstr();
  if (flags & flag.messageId) properties.messageId = reader.shortstr();
  if (flags & flag.timestamp) properties.timestamp = readTimestamp(reader);
  if (flags & flag.type) properties.type = reader.shortstr();
  if (flags & flag.userId) properties.userId = reader.shortstr();
  if (flags & flag.appId) properties.appId = reader.shortstr();
  if (flags & flag.clusterId) properties.clusterId = reader.shortstr();
  if (reader.remaining > 0) throw new WireError('SYNTAX_ERROR', `${reader.remaining} bytes after the last property`);
  return properties;
}

/** The headers alone, with values that are written as they came; empty when there are none. @throws WireError */
export function readEncodedHeaders(reader: ByteReader): Record<string, EncodedField> {
  const flags = reader.short();
  for (const { name, kind, flag } of fields) {
    if (name === 'headers') return flags & flag ? readEncodedTable(reader) : {};
    if (flags & flag) readProperty(reader, kind);
  }
  return {};
}

function readProperty(reader: ByteReader, kind: (typeof spec)[keyof typeof spec]): unknown {
  switch (kind) {
    case 'shortstr':
      return reader.shortstr();
    case 'octet':
      return reader.octet();
    case 'table':
      return readTable(reader);
    case 'timestamp':
      return readTimestamp(reader);
  }
}
