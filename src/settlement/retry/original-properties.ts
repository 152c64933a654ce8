import type { Delivery, FieldTable, MessageProperties } from '../../../lib/client/index.js';
import { isDeathHeader } from '../../common/death-headers.js';
import { TRACE_HEADER } from '../../common/trace-header.js';
import { RETRY_HEADER, type RetryState } from './retry-state.js';

/**
 * Returns the properties as the publisher set them, without the additions of retries and with the properties that
 * retries removed.
 */
export function originalProperties(
  { properties }: Pick<Delivery, 'properties'>,
  state?: RetryState,
): MessageProperties {
  if (!state) return properties;
  // The `userId` of a redriven message is the user who has redriven it.
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

/** Returns true for a header about the message's history, which {@link RetryState} keeps, or which each copy gets anew. */
export const isHistory = (name: string): boolean =>
  name === RETRY_HEADER || name === TRACE_HEADER || isDeathHeader(name);
