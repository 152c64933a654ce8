import type { Delivery, FieldTable, FieldValue, MessageProperties } from '../../../lib/client/index.js';
import { deathsOf } from './death-headers.js';
import { fromTable, isTable, toTable, type FailureRecord } from './failure-record.js';

/** The header in which a message carries its history, as one table. Only on messages that were retried or parked. */
export const RETRY_HEADER = 'x-nest-amqp-retry';

/** What a message keeps of its past, on its ways through delay and parked queues. */
export interface RetryState {
  /** Attempts that have failed. */
  readonly failed: number;
  /** The queue whose consumer failed. */
  readonly queue: string;
  /** Where its publisher sent it. */
  readonly exchange: string;
  readonly routingKey: string;
  /**
   * Properties that cannot stay on the message: an `expiration` would end it while it waits or is parked, and the broker
   * refuses a `userId` other than the one who publishes.
   */
  readonly expiration?: string;
  readonly userId?: string;
  /** The `CC` header (https://www.rabbitmq.com/docs/sender-selected): it would send copies to those queues again. */
  readonly cc?: FieldValue;
  /** The `x-death` headers and their kind that are not of our delay queues. */
  readonly deaths?: FieldTable;
  readonly firstFailure?: FailureRecord;
  readonly lastFailure?: FailureRecord;
}

/** The state of a message that comes from its publisher. */
export function initialState(
  queue: string,
  delivery: Pick<Delivery, 'exchange' | 'routingKey' | 'properties'>,
): RetryState {
  const { expiration, userId, headers }: MessageProperties = readable(delivery);
  const cc = headers?.['CC'];
  const deaths = headers && deathsOf(headers, queue);
  return {
    failed: 0,
    queue,
    exchange: delivery.exchange,
    routingKey: delivery.routingKey,
    ...(expiration === undefined ? {} : { expiration }),
    ...(userId === undefined ? {} : { userId }),
    ...(cc === undefined ? {} : { cc }),
    ...(deaths && { deaths }),
  };
}

/**
 * What the header says; undefined when there is none, or none of ours: a message that was dead-lettered from another
 * queue brings the history that it had there.
 */
export function stateOf(delivery: Pick<Delivery, 'properties'>, ofQueue: string): RetryState | undefined {
  const { headers = {} } = readable(delivery);
  const table = headers[RETRY_HEADER];
  if (!isTable(table)) return undefined;
  const { failed, queue, exchange, expiration, cc } = table;
  const routingKey = table['routing-key'];
  const userId = table['user-id'];
  const valid = typeof failed === 'number' && Number.isInteger(failed) && failed >= 0;
  if (!valid || queue !== ofQueue || typeof exchange !== 'string' || typeof routingKey !== 'string') {
    return undefined;
  }
  const deaths = deathsOf(headers, queue) ?? table['deaths'];
  const firstFailure = fromTable(table['first-failure']);
  const lastFailure = fromTable(table['last-failure']);
  return {
    failed,
    queue,
    exchange,
    routingKey,
    ...(typeof expiration === 'string' ? { expiration } : {}),
    ...(typeof userId === 'string' ? { userId } : {}),
    ...(cc === undefined ? {} : { cc }),
    ...(isTable(deaths) ? { deaths } : {}),
    ...(firstFailure && { firstFailure }),
    ...(lastFailure && { lastFailure }),
  };
}

/** The header's value. */
export function tableOf(state: RetryState): FieldTable {
  const { failed, queue, exchange, routingKey, expiration, userId, cc, deaths, firstFailure, lastFailure } = state;
  return {
    failed,
    queue,
    exchange,
    'routing-key': routingKey,
    expiration,
    'user-id': userId,
    cc,
    deaths,
    'first-failure': firstFailure && toTable(firstFailure),
    'last-failure': lastFailure && toTable(lastFailure),
  };
}

/** One more attempt that has failed. */
export function afterFailure(state: RetryState, failure: FailureRecord): RetryState {
  const { failed, firstFailure = failure } = state;
  return { ...state, failed: failed + 1, firstFailure, lastFailure: failure };
}

/** Its history in short, where headers must be small. */
export function withoutStacks(state: RetryState): RetryState {
  const { firstFailure, lastFailure, ...rest } = state;
  const short = ({ message, time }: FailureRecord): FailureRecord => ({ message, time });
  return {
    ...rest,
    ...(firstFailure && { firstFailure: short(firstFailure) }),
    ...(lastFailure && { lastFailure: short(lastFailure) }),
  };
}

/** As if it came from its publisher; where that sent it stays known. */
export function startedAnew(state: RetryState): RetryState {
  const { firstFailure: _, lastFailure: __, ...rest } = state;
  return { ...rest, failed: 0 };
}

/** Properties decode when first asked for, and may be malformed. */
function readable(delivery: Pick<Delivery, 'properties'>): MessageProperties {
  try {
    return delivery.properties;
  } catch {
    return {};
  }
}
