import type { Buffer } from 'node:buffer';
import type { ContentType } from './content-type.js';

/**
 * Converts payloads to message bodies and back, for the content types that it accepts.
 *
 * Pass your own in {@link AmqpModuleOptions.serializers}. They are tried in the given order, before the built-in ones
 * for JSON, text and bytes.
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
  /** Returns true if this serializer handles messages of the content type. The result is cached. */
  accepts(contentType: ContentType): boolean;
  /**
   * Returns the body of the message. An error rejects the publish and becomes the cause of a {@link
   * SerializationError}.
   */
  serialize(payload: unknown, contentType: ContentType): Uint8Array;
  /**
   * Returns the payload of the message, or a promise of it. An error makes the message undecodable: it is parked without
   * retries.
   *
   * @param contentEncoding the property of the message; the body is decoded from gzip, deflate, br and zstd already
   */
  deserialize(body: Buffer, contentType: ContentType, contentEncoding?: string): unknown;
}
