import type { Buffer } from 'node:buffer';
import { ByteReader, ByteWriter } from '../../protocol/bytes.js';
import { readEncodedHeaders, readProperties, writeProperties } from '../../protocol/properties.js';
import type { MessageProperties, OutgoingProperties } from '../../protocol/types.js';

/**
 * A message as it was published; the same object stands in every queue that it was routed to. Its properties stay
 * encoded: queues hold a million of these, and almost nothing looks inside.
 */
export class Message {
  constructor(
    readonly exchange: string,
    /** The routing keys that the message was sent with. A dead letter has those of its new address. */
    readonly routingKeys: readonly [string, ...string[]],
    /** The content header's property flags and list, as on the wire. */
    readonly encoded: Buffer,
    readonly body: Buffer,
  ) {}

  get routingKey(): string {
    return this.routingKeys[0];
  }

  /** Decoded anew each time. @throws WireError when the publisher sent malformed headers */
  get properties(): MessageProperties {
    return readProperties(new ByteReader(this.encoded));
  }

  /** To be sent on with a change: the headers keep the types they came with. */
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

/** The wire's form of `properties`, in a buffer of its own. */
export function encodeProperties(properties: OutgoingProperties): Buffer {
  const writer = new ByteWriter(256);
  writeProperties(writer, properties);
  return writer.view();
}

/** A message's place in one queue. */
export interface QueueEntry {
  readonly message: Message;
  /** Counts up within the queue: a requeued message goes back to its place. */
  readonly position: number;
  /** Level in a priority queue; 0 elsewhere. */
  readonly priority: number;
  /** Broker clock, ms; Infinity for never. */
  readonly expiresAt: number;
  /** Was delivered before. */
  redelivered: boolean;
  /** Deliveries that came back (quorum queues count them). */
  deliveryCount: number;
}
