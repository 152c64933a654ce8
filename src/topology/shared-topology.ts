import type { TopologyOptions } from './topology.js';

/**
 * Returns the part of a topology that every connection can declare. Exclusive queues, and so server-named ones, belong to
 * the connection that consumes them; neither they nor their bindings are part of it.
 */
export function sharedTopology({ queues = [], bindings = [], ...others }: TopologyOptions): TopologyOptions {
  const own = new Set(queues.filter(({ exclusive }) => exclusive).map(({ name }) => name));
  return {
    ...others,
    queues: queues.filter(({ name }) => !own.has(name)),
    bindings: bindings.filter(
      ({ destinationKind, destination }) => destinationKind !== 'queue' || !own.has(destination),
    ),
  };
}
