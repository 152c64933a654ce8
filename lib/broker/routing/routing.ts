import type { Destination } from './binding.js';
import type { Exchange } from './exchange.js';
import type { Message } from '../queue/message.js';
import type { Queue } from '../queue/queue.js';

/** The queues and exchanges in which routing looks up names. */
export interface Topology {
  readonly queues: ReadonlyMap<string, Queue>;
  readonly exchanges: ReadonlyMap<string, Exchange>;
  /** @throws BrokerError (NOT_FOUND) */
  exchange(name: string): Exchange;
}

/**
 * Returns the queues of a message, each once. They are found through its exchange, the exchanges that are bound to it,
 * and the alternate exchange of each exchange without a match.
 *
 * @param delays called for each exchange on the way; returns true if the exchange keeps the message for later
 * @param from the exchange that routes the message first. Default: its own
 * @throws BrokerError (NOT_FOUND) if the exchange does not exist
 */
export function route(
  topology: Topology,
  message: Message,
  delays: (exchange: Exchange) => boolean,
  from?: Exchange,
): Set<Queue> {
  const queues = new Set<Queue>();
  if (message.exchange === '') {
    // Every queue is bound to the default exchange with its name as the key.
    for (const key of message.routingKeys) {
      const queue = topology.queues.get(key);
      if (queue) queues.add(queue);
    }
    return queues;
  }
  const seen = new Set([from ?? topology.exchange(message.exchange)]);
  const found = (destination: Destination): void => {
    if (destination.kind === 'queue') queues.add(destination);
    else seen.add(destination);
  };
  // Iterating over a Set includes items that are added meanwhile.
  for (const exchange of seen) {
    let any = false;
    if (!delays(exchange)) {
      exchange.route(message, (destination) => {
        any = true;
        found(destination);
      });
    }
    const alternate = any || exchange.alternate === undefined ? undefined : topology.exchanges.get(exchange.alternate);
    if (alternate) seen.add(alternate);
  }
  return queues;
}
