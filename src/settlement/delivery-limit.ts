import type { Connection, Delivery, FieldTable } from '../../lib/client/index.js';

/** RabbitMQ's default since 4.0 (https://www.rabbitmq.com/docs/quorum-queues#poison-message-handling). */
const DEFAULT_LIMIT = 20;

/**
 * Returns how many deliveries after the first one a quorum queue allows for a message; beyond that, the broker drops or
 * dead-letters it. Infinity if there is no limit, and for a limit that only a policy sets.
 *
 * @param queueArguments arguments of the queue's declaration; undefined if they are unknown
 */
export function deliveryLimitOf(queueArguments: FieldTable | undefined, connection: Connection): number {
  const declared = queueArguments?.['x-delivery-limit'];
  const limit = Number(declared ?? (hasDefault(connection) ? DEFAULT_LIMIT : -1));
  return limit >= 0 ? limit : Infinity;
}

function hasDefault({ serverProperties: { product, version } }: Connection): boolean {
  return product === 'RabbitMQ' && Number.parseInt(String(version), 10) >= 4;
}

/** Returns how many times a quorum queue has delivered the message before; 0 for other queues, which do not count. */
export function deliveriesBefore(delivery: Pick<Delivery, 'properties'>): number {
  try {
    const count = delivery.properties.headers?.['x-delivery-count'];
    return typeof count === 'number' || typeof count === 'bigint' ? Number(count) : 0;
  } catch {
    // Malformed headers: the count cannot be read.
    return 0;
  }
}
