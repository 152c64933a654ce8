import type { Delivery, FieldTable, FieldValue, MessageProperties } from '../../../lib/client/index.js';
import { isTable } from '../../common/is-table.js';
import { deathsOf, wasInDelayQueue } from './death-headers.js';
import { fromTable, toTable, type FailureRecord } from './failure-record.js';

/** The header in which a message carries its history, as one table. Only on messages that were retried or parked. */
export const RETRY_HEADER = 'x-nest-amqp-retry';

/** The longest TTL that RabbitMQ accepts, in ms (32 bits). */
const MAX_EXPIRATION = 2 ** 32 - 1;

/** The history that a message carries through delay and parked queues. */
export interface RetryState {
  /** Number of failed attempts. */
  readonly failed: number;
  /** The queue of the consumer that failed. */
  readonly queue: string;
  /** The exchange to which its publisher sent it. */
  readonly exchange: string;
  readonly routingKey: string;
  /**
   * Properties that cannot stay on the message. An `expiration` would end it while it waits or is parked, and the
   * broker refuses a `userId` other than the publishing user.
   */
  readonly expiration?: string;
  readonly userId?: string;
  /** The `CC` header (https://www.rabbitmq.com/docs/sender-selected), which would send copies to its queues again. */
  readonly cc?: FieldValue;
  /** The headers about dead-letterings by queues other than our delay queues. */
  readonly deaths?: FieldTable;
  /** Size in bytes of a body that was too large to be read, so the message lacks it. */
  readonly bodySize?: number;
  readonly firstFailure?: FailureRecord;
  readonly lastFailure?: FailureRecord;
}

/** Returns the state of a message that comes from its publisher. */
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
 * Returns the history of a delivery if it can be trusted: the message was in one of the delay queues of its queue
 * (`x-death`), or it was redriven by the same user, which the broker verifies (`user-id`). Anyone who may publish can
 * send the header, and a forged one would skip retries and claim another exchange and routing key.
 *
 * @param user the user of the consumer's connection; undefined if it is unknown
 */
export function stateOf(
  delivery: Pick<Delivery, 'properties'>,
  queue: string,
  user: string | undefined,
): RetryState | undefined {
  const state = historyOf(delivery, queue);
  if (!state) return undefined;
  const { headers = {}, userId } = readable(delivery);
  if (wasInDelayQueue(headers, queue)) return state;
  return state.failed === 0 && userId !== undefined && userId === user ? state : undefined;
}

/**
 * Returns the history in the header of a message; undefined if there is none, or if it belongs to another queue, from
 * which the message was dead-lettered.
 */
export function historyOf(delivery: Pick<Delivery, 'properties'>, ofQueue: string): RetryState | undefined {
  const { headers = {} } = readable(delivery);
  const table = headers[RETRY_HEADER];
  if (!isTable(table)) return undefined;
  const { failed, queue, exchange, expiration, cc } = table;
  const routingKey = table['routing-key'];
  const userId = table['user-id'];
  const bodySize = table['body-size'];
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
    ...(isExpiration(expiration) ? { expiration } : {}),
    ...(typeof userId === 'string' ? { userId } : {}),
    // RabbitMQ accepts no other value; this one may be forged.
    ...(Array.isArray(cc) ? { cc: cc as FieldValue } : {}),
    ...(isTable(deaths) ? { deaths } : {}),
    ...(typeof bodySize === 'number' ? { bodySize } : {}),
    ...(firstFailure && { firstFailure }),
    ...(lastFailure && { lastFailure }),
  };
}

/**
 * Matches milliseconds as text. The broker refuses any other `expiration`
 * (https://www.rabbitmq.com/docs/ttl#per-message-ttl-in-publishers).
 */
function isExpiration(value: FieldValue): value is string {
  return typeof value === 'string' && /^\d{1,10}$/.test(value) && Number(value) <= MAX_EXPIRATION;
}

/** Returns the value of the header. */
export function tableOf(state: RetryState): FieldTable {
  const { failed, queue, exchange, routingKey, expiration, userId, cc, deaths, bodySize, firstFailure, lastFailure } =
    state;
  return {
    failed,
    queue,
    exchange,
    'routing-key': routingKey,
    expiration,
    'user-id': userId,
    cc,
    deaths,
    'body-size': bodySize,
    'first-failure': firstFailure && toTable(firstFailure),
    'last-failure': lastFailure && toTable(lastFailure),
  };
}

/** Returns the state after one more failed attempt. */
export function afterFailure(state: RetryState, failure: FailureRecord): RetryState {
  const { failed, firstFailure = failure } = state;
  return { ...state, failed: failed + 1, firstFailure, lastFailure: failure };
}

/** Returns a short history for small headers. */
export function withoutStacks(state: RetryState): RetryState {
  const { firstFailure, lastFailure, ...rest } = state;
  const short = ({ message, time }: FailureRecord): FailureRecord => ({ message, time });
  return {
    ...rest,
    ...(firstFailure && { firstFailure: short(firstFailure) }),
    ...(lastFailure && { lastFailure: short(lastFailure) }),
  };
}

/** Returns a short history without the copies of headers that cannot stay on the message. */
export function withoutCopies(state: RetryState): RetryState {
  const { cc: _, deaths: __, ...rest } = withoutStacks(state);
  return rest;
}

/** Returns the state of a message that comes from its publisher, with its original exchange and routing key. */
export function startedAnew(state: RetryState): RetryState {
  const { firstFailure: _, lastFailure: __, ...rest } = state;
  return { ...rest, failed: 0 };
}

/** Properties are decoded when they are first read, and may be malformed. */
function readable(delivery: Pick<Delivery, 'properties'>): MessageProperties {
  try {
    return delivery.properties;
  } catch {
    return {};
  }
}
