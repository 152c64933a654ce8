import type { Buffer } from 'node:buffer';
import type { ContentType } from './content-type.js';

/**
 * Turns payloads into message bodies and back, for the content types it accepts.
 *
 * Give your own in {@link AmqpModuleOptions.serializers}; they are asked before the built-in ones for JSON, text and
 * bytes, in the order given.
 *
 * @example
 * ```ts
 * const protobuf: MessageSerializer = {
 *   accepts: ({ mediaType }) => mediaType === 'application/x-protobuf',
 *   serialize: (payload) => Order.encode(payload as Order).finish(),
 *   deserialize: (body) => Order.decode(body),
 * };
 * ```
 *
 * @publicApi
 */
export interface MessageSerializer {
  /** Whether messages of this content type are for this serializer. The answer is remembered. */
  accepts(contentType: ContentType): boolean;
  /** The body of the message. What it throws rejects the publish, as the cause of a {@link SerializationError}. */
  serialize(payload: unknown, contentType: ContentType): Uint8Array;
  /** The payload of the message. What it throws makes the message undecodable: it is parked and never retried. */
  deserialize(body: Buffer, contentType: ContentType): unknown;
}
