import type { Channel, Connection } from '../../../lib/client/index.js';
import { connectionEndpointOf, endpointOf } from '../../client/support/client-internals.js';

/** What the oracle looks at and users cannot: kept in one place, for it hangs on how the client is built. */
interface InnerRecord {
  readonly exchanges: ReadonlyMap<string, unknown>;
  readonly queues: ReadonlyMap<string, unknown>;
  readonly bindings: ReadonlyMap<string, { readonly kind: string; readonly destination: string; readonly source: string; readonly routingKey: string }>; // prettier-ignore
  resolve(queue: string): string;
}

export function recordOf(connection: Connection): InnerRecord {
  return connectionEndpointOf(connection).topology as unknown as InnerRecord;
}

/** As the client sees it: `open`, `closing`, … */
export function stateOf(channel: Channel): string {
  return endpointOf(channel).current;
}

/** Bytes that the client holds for its socket. */
export function bufferedBytes(connection: Connection): number {
  return connectionEndpointOf(connection).lastLink?.transport.bufferedBytes ?? 0;
}

/** Bytes of deliveries that wait for a handler, or have one that nothing bounds. */
export function heldBytes(connection: Connection): number {
  return connectionEndpointOf(connection).heldBytes();
}

/** What the broker calls a queue now. */
export function currentName(connection: Connection, queue: string): string {
  return recordOf(connection).resolve(queue);
}

export type { Channel };
