import type { Delivery, FieldTable, MessageProperties } from '../../../lib/client/index.js';
import { TO_HEADER } from '../../delay/delay-names.js';
import { destinationOf, landingOf } from '../../delay/staircase.js';
import { encodedHeaders } from '../retry/forwarded-properties.js';
import { isHistory } from '../retry/original-properties.js';
import type { RetryState } from '../retry/retry-state.js';

/** A message on its way from the staircase to its landing. */
export interface DueMessage {
  readonly routingKey: string;
  readonly properties: MessageProperties;
}

/**
 * Returns a parked delayed message as it was when it became due.
 *
 * @param state undefined for a message that was parked because its landing did not exist; it still names it
 */
export function dueMessage(delivery: Delivery, state: RetryState | undefined): DueMessage {
  const { userId: _, ...properties } = delivery.properties;
  if (!state)
    return { routingKey: delivery.routingKey, properties: { ...properties, headers: encodedHeaders(delivery) } };
  const { exchange, routingKey, deaths } = state;
  const headers: FieldTable = {
    ...encodedHeaders(delivery, isHistory),
    ...deaths,
    [TO_HEADER]: landingOf(destinationOf(exchange, routingKey)),
  };
  return { routingKey, properties: { ...properties, headers } };
}
