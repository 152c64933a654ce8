import type { Delivery, FieldTable, MessageProperties } from '../../../lib/client/index.js';
import { addedHeaders } from './original-properties.js';
import { RETRY_HEADER, tableOf, type RetryState } from './retry-state.js';

/**
 * The properties of a message on its way to a delay or parked queue: as they came, the publisher's headers byte for
 * byte, with its history, and without what cannot go along (see {@link RetryState}).
 */
export function forwardedProperties(delivery: Delivery, state: RetryState): MessageProperties {
  const history = { [RETRY_HEADER]: tableOf(state) };
  try {
    const { expiration: _, userId: __, headers = {}, ...properties } = delivery.properties;
    const kept: FieldTable = delivery.encodedHeaders;
    for (const name of [...addedHeaders(headers, state.queue), 'CC']) delete kept[name];
    return { ...properties, headers: { ...kept, ...history } };
  } catch {
    // They cannot be read: what can be kept is the body.
    return { headers: history };
  }
}
