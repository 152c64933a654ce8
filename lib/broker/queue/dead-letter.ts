import type { FieldTable, FieldValue } from '../../protocol/field-table.js';
import { typed } from '../../protocol/field-table.js';
import { encodeProperties, Message } from './message.js';

/** Why a message leaves a queue for its dead-letter exchange (https://www.rabbitmq.com/docs/dlx). */
export type DeathReason = 'rejected' | 'expired' | 'maxlen' | 'delivery_limit';

/** A message that died in a queue. */
export interface Death {
  readonly message: Message;
  readonly queue: string;
  readonly reason: DeathReason;
  /** Milliseconds since 1970. */
  readonly time: number;
}

/**
 * The message that goes to the dead-letter exchange: the same, with its death in `x-death` and without its expiration,
 * so that it does not expire again.
 *
 * @param routingKey the queue's x-dead-letter-routing-key, in place of the message's own
 */
export function deadLetter(death: Death, exchange: string, routingKey: string | undefined): Message {
  const { message } = death;
  const { expiration, headers: before } = message.properties;
  const passedOn = message.passedOn;
  const headers: FieldTable = { ...passedOn.headers };
  // With a routing key of its own the queue decides, and not the publisher's CC any more.
  if (routingKey !== undefined) delete headers['CC'];
  const first = headers['x-death'] === undefined;
  headers['x-death'] = withDeath(before?.['x-death'], death, expiration);
  if (first) {
    headers['x-first-death-exchange'] = message.exchange;
    headers['x-first-death-queue'] = death.queue;
    headers['x-first-death-reason'] = death.reason;
  }
  const encoded = encodeProperties({ ...passedOn, headers, expiration: undefined });
  return new Message(exchange, routingKey === undefined ? message.routingKeys : [routingKey], encoded, message.body);
}

/** One table for each queue and reason, the latest first; a death that happened before counts up. */
function withDeath(before: FieldValue, death: Death, expiration: string | undefined): FieldValue {
  const others = deathsIn(before);
  const { message, queue, reason } = death;
  const at = others.findIndex((other) => other['queue'] === queue && other['reason'] === reason);
  if (at >= 0) {
    const [again] = others.splice(at, 1);
    return [{ ...again, count: typed('int64', Number(again!['count']) + 1) }, ...others.map(recounted)];
  }
  const latest: FieldTable = {
    count: typed('int64', 1),
    reason,
    queue,
    time: new Date(death.time),
    exchange: message.exchange,
    'routing-keys': [...message.routingKeys],
    'original-expiration': expiration,
  };
  return [latest, ...others.map(recounted)];
}

/** Reading has made the count a plain number; on the wire it is a 64-bit one. */
function recounted(death: FieldTable): FieldTable {
  const { count } = death;
  return typeof count === 'number' ? { ...death, count: typed('int64', count) } : death;
}

function deathsIn(header: FieldValue): FieldTable[] {
  return Array.isArray(header) ? header.filter((item): item is FieldTable => isTable(item as FieldValue)) : [];
}

function isTable(value: FieldValue): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/**
 * A dead letter that would come back to a queue where it died already, with no rejection since: it would turn for ever,
 * so RabbitMQ drops it there.
 */
export function isCycle(message: Message, queue: string): boolean {
  const deaths = deathsIn(message.properties.headers?.['x-death']);
  const at = deaths.findIndex((death) => death['queue'] === queue);
  return at >= 0 && deaths.slice(0, at + 1).every((death) => death['reason'] !== 'rejected');
}
