import { decodeField, encodedEntries, encodedItems } from '../../protocol/encoded-fields.js';
import { EncodedField, typed, TypedField, type FieldTable, type FieldValue } from '../../protocol/field-table.js';
import { encodeProperties, Message } from './message.js';

/** The reason for which a queue sends a message to its dead-letter exchange (https://www.rabbitmq.com/docs/dlx). */
export type DeathReason = 'rejected' | 'expired' | 'maxlen' | 'delivery_limit';

/** A message that a queue dead-letters. */
export interface Death {
  readonly message: Message;
  readonly queue: string;
  readonly reason: DeathReason;
  /** Milliseconds since 1970. */
  readonly time: number;
}

/** The largest count on the wire: signed 64 bits. */
const COUNT_MAX = 2n ** 63n - 1n;

/**
 * Returns the message for the dead-letter exchange: the same message with its death in `x-death` and without its
 * expiration, so that it does not expire again. An `x-death` that is no list is replaced.
 *
 * @param routingKey the queue's x-dead-letter-routing-key, which replaces the message's own key
 */
export function deadLetter(death: Death, exchange: string, routingKey: string | undefined): Message {
  const { message } = death;
  const { passedOn } = message;
  const before = passedOn.headers;
  const headers: FieldTable = { ...before };
  const told = before?.['x-death'];
  headers['x-death'] = withDeath(told, death, passedOn.expiration, before?.['CC']);
  // If the queue sets the routing key, the publisher's CC header does not count any more.
  if (routingKey !== undefined) delete headers['CC'];
  if (told === undefined) {
    headers['x-first-death-exchange'] = message.exchange;
    headers['x-first-death-queue'] = death.queue;
    headers['x-first-death-reason'] = death.reason;
  }
  const encoded = encodeProperties({ ...passedOn, headers, expiration: undefined });
  return new Message(exchange, routingKey === undefined ? message.routingKeys : [routingKey], encoded, message.body);
}

/** One table for each queue and reason, the latest first. A repeated death increases the count. */
function withDeath(told: FieldValue, death: Death, expiration: string | undefined, cc: FieldValue): FieldValue {
  const { message, queue, reason } = death;
  const others = grouped(tablesIn(told));
  const at = others.findIndex((other) => isOf(other, queue, reason));
  if (at >= 0) {
    const [again] = others.splice(at, 1);
    const count = countIn(again!);
    return [{ ...again, count: typed('int64', count < COUNT_MAX ? count + 1n : COUNT_MAX) }, ...others];
  }
  const latest: FieldTable = {
    count: typed('int64', 1),
    reason,
    queue,
    time: new Date(death.time),
    exchange: message.exchange,
    // Only the keys that readers may know: the BCC header is already removed.
    'routing-keys': [message.routingKey, ...stringsIn(cc)],
    'original-expiration': expiration,
  };
  return [latest, ...others];
}

/** The values are unchanged, since a publisher may have set any. */
function tablesIn(told: FieldValue): FieldTable[] {
  const items = told instanceof EncodedField ? encodedItems(told) : undefined;
  return (items ?? []).map(encodedEntries).filter((table) => table !== undefined);
}

/**
 * Brokers before RabbitMQ 3.6 wrote a table for each death. Tables of one queue and reason become one with their count.
 * RabbitMQ 3 leaves more than one in the opposite order.
 */
function grouped(tables: readonly FieldTable[]): FieldTable[] {
  if (tables.length <= 1) return [...tables];
  const groups = new Map<string, { readonly first: FieldTable; count: bigint }>();
  for (const table of tables) {
    const key = JSON.stringify([textIn(table, 'queue'), textIn(table, 'reason')]);
    const group = groups.get(key);
    if (group) group.count++;
    else groups.set(key, { first: table, count: 1n });
  }
  return [...groups.values()]
    .map(({ first, count }) => (first['count'] ? first : { ...first, count: typed('int64', count) }))
    .reverse();
}

function isOf(table: FieldTable, queue: string, reason: string): boolean {
  return textIn(table, 'queue') === queue && textIn(table, 'reason') === reason;
}

function textIn(table: FieldTable, name: 'queue' | 'reason'): string | undefined {
  const value = meaning(table[name]);
  return typeof value === 'string' ? value : undefined;
}

function meaning(value: FieldValue): FieldValue {
  if (value instanceof TypedField) return value.value;
  return value instanceof EncodedField ? decodeField(value) : value;
}

/** 0 for anything but a whole number, at which RabbitMQ fails. */
function countIn({ count }: FieldTable): bigint {
  const value = meaning(count);
  return typeof value === 'bigint' || Number.isInteger(value) ? BigInt(value as number | bigint) : 0n;
}

function stringsIn(field: FieldValue): string[] {
  const value = meaning(field);
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}

/**
 * Returns true if a dead letter would return to a queue that has dead-lettered it before, without a rejection since. It
 * would circle for ever, so RabbitMQ drops it there.
 */
export function isCycle(message: Message, queue: string): boolean {
  const told = message.properties.headers?.['x-death'];
  const deaths = (Array.isArray(told) ? told : []) as FieldTable[];
  const at = deaths.findIndex((death) => death['queue'] === queue);
  return at >= 0 && deaths.slice(0, at + 1).every((death) => death['reason'] !== 'rejected');
}
