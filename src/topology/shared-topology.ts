import type { TopologyOptions } from './topology.js';

/**
 * Returns the part of a topology that every connection can declare. Exclusive queues, and so server-named ones, belong to
 * the connection that consumes them. Auto-delete queues and exchanges end with their last consumer or binding; a
 * connection without that consumer would declare them again. Neither of them nor their bindings are part of the result.
 */
export function sharedTopology({
  exchanges = [],
  queues = [],
  bindings = [],
  ...others
}: TopologyOptions): TopologyOptions {
  const left = {
    queue: new Set(queues.filter(({ exclusive, autoDelete }) => exclusive || autoDelete).map(({ name }) => name)),
    exchange: new Set(exchanges.filter(({ autoDelete }) => autoDelete).map(({ name }) => name)),
  };
  return {
    ...others,
    exchanges: exchanges.filter(({ name }) => !left.exchange.has(name)),
    queues: queues.filter(({ name }) => !left.queue.has(name)),
    bindings: bindings.filter(
      ({ destinationKind, destination, source }) =>
        !left[destinationKind].has(destination) && !left.exchange.has(source),
    ),
  };
}
