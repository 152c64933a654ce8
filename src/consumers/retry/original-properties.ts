import type { Delivery, FieldTable, FieldValue, MessageProperties } from '../../../lib/client/index.js';
import { isTable } from './failure-record.js';
import { delayQueuePrefix } from './queue-names.js';
import { RETRY_HEADER, type RetryState } from './retry-state.js';

/** The properties as the publisher set them: without what retries have added, with what they had to take off. */
export function originalProperties(
  { properties }: Pick<Delivery, 'properties'>,
  state?: RetryState,
): MessageProperties {
  if (!state) return properties;
  const headers = originalHeaders(properties.headers ?? {}, state);
  const { expiration } = state;
  return { ...properties, headers, ...(expiration === undefined ? {} : { expiration }) };
}

function originalHeaders(headers: FieldTable, { queue, cc }: RetryState): FieldTable {
  const original = { ...headers };
  for (const name of addedHeaders(headers, queue)) delete original[name];
  const deaths = headers['x-death'];
  if (original['x-death'] && Array.isArray(deaths)) {
    original['x-death'] = deaths.filter((death: FieldValue) => !isOfDelayQueue(death, queue));
  }
  return cc === undefined ? original : { ...original, CC: cc };
}

/** The headers that the message would not have without its retries: ours, and what tells of its delay queues alone. */
export function addedHeaders(headers: FieldTable, queue: string): string[] {
  const added = [RETRY_HEADER];
  const deaths = headers['x-death'];
  if (Array.isArray(deaths) && deaths.every((death: FieldValue) => isOfDelayQueue(death, queue))) added.push('x-death');
  for (const which of ['first', 'last']) {
    const prefix = `x-${which}-death-`;
    if (!isDelayQueue(headers[`${prefix}queue`], queue)) continue;
    added.push(`${prefix}exchange`, `${prefix}queue`, `${prefix}reason`);
  }
  return added;
}

function isOfDelayQueue(death: FieldValue, queue: string): boolean {
  return isTable(death) && isDelayQueue(death['queue'], queue);
}

function isDelayQueue(name: FieldValue, queue: string): boolean {
  return typeof name === 'string' && name.startsWith(delayQueuePrefix(queue));
}
