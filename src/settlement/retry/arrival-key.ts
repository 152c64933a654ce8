import type { FieldTable, FieldValue } from '../../../lib/client/index.js';
import type { AmqpContext } from '../amqp-context.js';
import { isTable } from '../../common/is-table.js';
import { historyOf } from './retry-state.js';

/**
 * Returns the routing key with which a message first came to its queue, to select its handler. A message that comes back
 * from a delay queue, from a parked queue or from a dead-letter path of the application itself may arrive through the
 * default exchange, with the name of the queue as its key.
 *
 * There the history in its header and `x-death` are believed whoever wrote them, unlike in {@link AmqpContext.routingKey}:
 * who publishes to the queue directly may choose the handler. No other publisher can, since the exchange of such a message
 * is the default one.
 */
export function arrivalKey(context: AmqpContext): string {
  if (context.exchange !== '') return context.routingKey;
  const history = historyOf(context.delivery, context.queue);
  if (history && history.exchange !== '') return history.routingKey;
  return firstDeathKey(context.headers, context.queue) ?? context.routingKey;
}

/** Returns the key with which the message was in this queue when it was first dead-lettered there. */
function firstDeathKey(headers: FieldTable, queue: string): string | undefined {
  const deaths = headers['x-death'];
  if (!Array.isArray(deaths)) return undefined;
  // The latest comes first, and RabbitMQ keeps the keys of the first death of each queue and reason.
  const first = deaths.findLast((death: FieldValue) => isTable(death) && death['queue'] === queue);
  const keys = isTable(first) ? first['routing-keys'] : undefined;
  const key = Array.isArray(keys) ? keys[0] : undefined;
  return typeof key === 'string' ? key : undefined;
}
