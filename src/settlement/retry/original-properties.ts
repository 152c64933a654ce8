import type { Delivery, FieldTable, MessageProperties } from '../../../lib/client/index.js';
import { isDeathHeader } from './death-headers.js';
import { RETRY_HEADER, type RetryState } from './retry-state.js';

/** The properties as the publisher set them: without what retries have added, with what they had to take off. */
export function originalProperties(
  { properties }: Pick<Delivery, 'properties'>,
  state?: RetryState,
): MessageProperties {
  if (!state) return properties;
  // The `userId` of a redriven message is that of whoever has redriven it.
  const { userId: _, headers: sent = {}, ...others } = properties;
  const headers = originalHeaders(sent, state);
  const { expiration } = state;
  return { ...others, headers, ...(expiration === undefined ? {} : { expiration }) };
}

function originalHeaders(headers: FieldTable, { deaths, cc }: RetryState): FieldTable {
  const original = { ...headers };
  for (const name of Object.keys(headers)) if (isHistory(name)) delete original[name];
  return { ...original, ...deaths, ...(cc === undefined ? {} : { CC: cc }) };
}

/** True for a header about the message's history, which travels in its {@link RetryState}. */
export const isHistory = (name: string): boolean => name === RETRY_HEADER || isDeathHeader(name);
