import type { Delivery, FieldTable, MessageProperties } from '../../../lib/client/index.js';
import { isHistory } from './original-properties.js';
import { RETRY_HEADER, tableOf, type RetryState } from './retry-state.js';

/** Headers that the broker adds to a delivery. They describe the delivery and do not belong to the message. */
export const DELIVERY_HEADERS: readonly string[] = ['x-delivery-count', 'x-stream-offset'];

/**
 * The properties of a message on its way to a delay or parked queue: as they came, the publisher's headers byte for
 * byte, with its history, and without what cannot go along (see {@link RetryState}).
 *
 * @param state undefined for a message that cannot carry any: headers that were put aside in it are lost then, but for
 *   `x-death`, which stays as it came
 */
export function forwardedProperties(delivery: Delivery, state: RetryState | undefined): MessageProperties {
  const history = state && { [RETRY_HEADER]: tableOf(state) };
  const leftOut = state ? isHistory : (name: string): boolean => name === RETRY_HEADER;
  try {
    const { expiration: _, userId: __, headers: ___, ...properties } = delivery.properties;
    const kept = encodedHeaders(delivery, (name) => name === 'CC' || leftOut(name));
    return { ...properties, headers: { ...kept, ...history } };
  } catch {
    // They cannot be read: what can be kept is the body.
    return { headers: { ...history } };
  }
}

/** The headers as they came, without the broker's and those to leave out. */
export function encodedHeaders(delivery: Delivery, leaveOut: (name: string) => boolean = () => false): FieldTable {
  const headers: FieldTable = delivery.encodedHeaders;
  for (const name of Object.keys(headers)) {
    if (DELIVERY_HEADERS.includes(name) || leaveOut(name)) delete headers[name];
  }
  return headers;
}
