import type { Delivery, FieldTable, MessageProperties } from '../../../lib/client/index.js';
import { isHistory } from './original-properties.js';
import { RETRY_HEADER, tableOf, type RetryState } from './retry-state.js';

/** Headers that the broker adds to a delivery. They describe the delivery and do not belong to the message. */
export const DELIVERY_HEADERS: readonly string[] = ['x-delivery-count', 'x-stream-offset'];

/**
 * Returns the properties of a message for its delay or parked queue: unchanged, with the publisher's headers byte for
 * byte and the history added, without the properties that {@link RetryState} keeps instead.
 *
 * @param state undefined for a message that has no room for it. The headers that it would keep are lost, except
 * `x-death`, which stays unchanged
 */
export function forwardedProperties(
  delivery: Pick<Delivery, 'properties' | 'encodedHeaders'>,
  state: RetryState | undefined,
): MessageProperties {
  const history = state && { [RETRY_HEADER]: tableOf(state) };
  const leftOut = state ? isHistory : (name: string): boolean => name === RETRY_HEADER;
  try {
    const { expiration: _, userId: __, headers: ___, ...properties } = delivery.properties;
    const kept = encodedHeaders(delivery, (name) => name === 'CC' || leftOut(name));
    return { ...properties, headers: { ...kept, ...history } };
  } catch {
    // The properties cannot be read, so only the body is kept.
    return { headers: { ...history } };
  }
}

/** Returns the headers byte for byte, without the broker's headers and the omitted ones. */
export function encodedHeaders(
  delivery: Pick<Delivery, 'encodedHeaders'>,
  leaveOut: (name: string) => boolean = () => false,
): FieldTable {
  const headers: FieldTable = delivery.encodedHeaders;
  for (const name of Object.keys(headers)) {
    if (DELIVERY_HEADERS.includes(name) || leaveOut(name)) delete headers[name];
  }
  return headers;
}
