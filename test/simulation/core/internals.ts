import type { Channel, Connection } from '../../../lib/client/index.js';
import { connectionEndpointOf, endpointOf } from '../../client/support/client-internals.js';

/** Internals of the client that the oracle reads. They are in one file, since they depend on the client's design. */
interface InnerRecord {
  readonly exchanges: ReadonlyMap<string, unknown>;
  readonly queues: ReadonlyMap<string, unknown>;
  readonly bindings: ReadonlyMap<string, { readonly kind: string; readonly destination: string; readonly source: string; readonly routingKey: string }>; // prettier-ignore
  resolve(queue: string): string;
}

export function recordOf(connection: Connection): InnerRecord {
  return connectionEndpointOf(connection).topology as unknown as InnerRecord;
}

/** Returns the client's state of a channel: `open`, `closing`, … */
export function stateOf(channel: Channel): string {
  return endpointOf(channel).current;
}

/** Returns the bytes that the client holds for its socket. */
export function bufferedBytes(connection: Connection): number {
  return connectionEndpointOf(connection).lastLink?.transport.bufferedBytes ?? 0;
}

/** Returns the bytes of deliveries that wait for a handler or have an unbounded handler. */
export function heldBytes(connection: Connection): number {
  return connectionEndpointOf(connection).heldBytes();
}

/** Returns the current name of a queue at the broker. */
export function currentName(connection: Connection, queue: string): string {
  return recordOf(connection).resolve(queue);
}

export type { Channel };
