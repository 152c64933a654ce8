import type { Buffer } from 'node:buffer';
import { ByteReader, ByteWriter } from '../../protocol/bytes.js';
import { readEncodedHeaders, readProperties, writeProperties } from '../../protocol/properties.js';
import type { MessageProperties, OutgoingProperties } from '../../protocol/types.js';

/**
 * A message as it was published. All its queues share the object. Its properties stay encoded, since queues hold a
 * million messages and almost nothing reads the properties.
 */
export class Message {
  constructor(
    readonly exchange: string,
    /** The routing keys of the message. A dead letter has those of its new address. */
    readonly routingKeys: readonly [string, ...string[]],
    /** The content header's property flags and list, as on the wire. */
    readonly encoded: Buffer,
    readonly body: Buffer,
  ) {}

  get routingKey(): string {
    return this.routingKeys[0];
  }

  /** Decoded at each call. @throws WireError if the publisher has sent malformed headers */
  get properties(): MessageProperties {
    return readProperties(new ByteReader(this.encoded));
  }

  /** Decodes the properties for a changed copy. The headers keep their types. */
  get passedOn(): MessageProperties {
    const { properties } = this;
    if (!properties.headers) return properties;
    return { ...properties, headers: readEncodedHeaders(new ByteReader(this.encoded)) };
  }

  /** Bytes of properties and body. */
  get size(): number {
    return this.encoded.length + this.body.length;
  }
}

/** Encodes the properties into a buffer of their own. */
export function encodeProperties(properties: OutgoingProperties): Buffer {
  const writer = new ByteWriter(256);
  writeProperties(writer, properties);
  return writer.view();
}

/** A message's place in one queue. */
export interface QueueEntry {
  readonly message: Message;
  /** Increases within the queue, so that a requeued message returns to its place. */
  readonly position: number;
  /** Level in a priority queue; 0 elsewhere. */
  readonly priority: number;
  /** Broker clock, ms; Infinity for never. */
  readonly expiresAt: number;
  /** True for a dead letter that had to wait for its turn: it may have expired before it came. */
  readonly isLate?: boolean;
  /** True if the message was delivered before. */
  redelivered: boolean;
  /** Number of returned deliveries (counted by quorum queues). */
  deliveryCount: number;
}
