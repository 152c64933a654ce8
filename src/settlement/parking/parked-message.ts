import { Buffer } from 'node:buffer';
import type { Delivery, MessageProperties } from '../../../lib/client/index.js';
import type { MessageSerializers } from '../../serialization/message-serializers.js';
import type { FailureRecord } from '../retry/failure-record.js';
import { DELIVERY_HEADERS } from '../retry/forwarded-properties.js';
import { originalProperties } from '../retry/original-properties.js';
import { historyOf } from '../retry/retry-state.js';

/**
 * A message in a parked queue, as its publisher sent it, with the reason of its failure.
 *
 * @publicApi
 */
export interface ParkedMessage {
  /** The message id; undefined if the publisher set none. */
  readonly messageId: string | undefined;
  /** The exchange that it was published to. */
  readonly exchange: string;
  /** The routing key that it was published with. */
  readonly routingKey: string;
  /** The properties, as the publisher set them. */
  readonly properties: MessageProperties;
  /** The headers, as the publisher set them; empty if it set none. */
  readonly headers: NonNullable<MessageProperties['headers']>;
  /** The body as it was published. A compressed body is not decoded. */
  readonly body: Buffer;
  /**
   * The body as the serializers of the connection decode it; undefined if they cannot, for an asynchronous serializer, and for
   * a compressed body of more than 16 MB.
   */
  readonly payload: unknown;
  /** Number of failed attempts; 0 for a message that no consumer parked. */
  readonly attempts: number;
  /** The failure of the first attempt; undefined if the message has no history. */
  readonly firstFailure: FailureRecord | undefined;
  /** The failure of the last attempt; undefined if the message has no history. */
  readonly lastFailure: FailureRecord | undefined;
  /**
   * For `JSON.stringify` and HTTP responses: with `payload` in place of `body`. Bytes become base64, 64-bit integers text;
   * `body` stays if it could not be decoded.
   */
  toJSON(): Record<string, unknown>;
}

/** @param queue the queue that the message was consumed from */
export function parkedMessage(delivery: Delivery, queue: string, serializers: MessageSerializers): ParkedMessage {
  const state = historyOf(delivery, queue);
  const { headers, ...others } = originalProperties(delivery, state);
  const published = { ...headers };
  for (const name of DELIVERY_HEADERS) delete published[name];
  const properties = { ...others, headers: published };
  const message = {
    messageId: properties.messageId,
    exchange: state?.exchange ?? delivery.exchange,
    routingKey: state?.routingKey ?? delivery.routingKey,
    properties,
    headers: published,
    body: delivery.body,
    payload: decoded(delivery.body, properties, serializers),
    attempts: state?.failed ?? 0,
    firstFailure: state?.firstFailure,
    lastFailure: state?.lastFailure,
  };
  const { body, headers: _, ...shown } = message;
  const toJSON = (): Record<string, unknown> =>
    inJson(message.payload === undefined ? { ...shown, body } : shown) as Record<string, unknown>;
  return Object.defineProperty(message, 'toJSON', { value: toJSON }) as ParkedMessage;
}

function decoded(body: Buffer, properties: MessageProperties, serializers: MessageSerializers): unknown {
  try {
    return serializers.decodeNow(body, properties);
  } catch {
    return undefined;
  }
}

/** Replaces values that JSON cannot encode. */
function inJson(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (Array.isArray(value)) return value.map(inJson);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, inJson(one)]));
}
