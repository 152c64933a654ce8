import type { Connection, Delivery, FieldTable } from '../../lib/client/index.js';

/** RabbitMQ from 4.0 on (https://www.rabbitmq.com/docs/quorum-queues#poison-message-handling). */
const DEFAULT_LIMIT = 20;

/**
 * Deliveries that a quorum queue gives a message beside the first; when it comes back after them the broker drops or
 * dead-letters it. Infinity for none, and for a limit that only a policy of the broker says.
 *
 * @param queueArguments those that the queue was declared with; undefined where they are not known
 */
export function deliveryLimitOf(queueArguments: FieldTable | undefined, connection: Connection): number {
  const declared = queueArguments?.['x-delivery-limit'];
  const limit = Number(declared ?? (hasDefault(connection) ? DEFAULT_LIMIT : -1));
  return limit >= 0 ? limit : Infinity;
}

function hasDefault({ serverProperties: { product, version } }: Connection): boolean {
  return product === 'RabbitMQ' && Number.parseInt(String(version), 10) >= 4;
}

/** How often a quorum queue has delivered the message before. 0 for other queues, which do not count. */
export function deliveriesBefore(delivery: Pick<Delivery, 'properties'>): number {
  try {
    const count = delivery.properties.headers?.['x-delivery-count'];
    return typeof count === 'number' || typeof count === 'bigint' ? Number(count) : 0;
  } catch {
    // Malformed headers: nothing of it can be told.
    return 0;
  }
}
