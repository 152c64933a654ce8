import type { FieldTable } from '../../lib/client/index.js';

/** Where a message of an event goes. */
export interface Route {
  readonly routingKey: string;
  /** Headers that the message needs. */
  readonly headers?: Readonly<Record<string, number>>;
}

/** Matches `order.paid.v2`. */
const VERSIONED = /^(.+)\.v([1-9]\d*)$/;

/** Returns the route of an event whose version is in a header; undefined for `header` if it is in the routing key. */
export function routeOf(event: string, header: string | undefined): Route {
  const [, routingKey, version] = (header !== undefined && VERSIONED.exec(event)) || [];
  if (header === undefined || routingKey === undefined) return { routingKey: event };
  return { routingKey, headers: { [header]: Number(version) } };
}

/** A message, whose headers are decoded when they are read. */
export interface WithHeaders {
  readonly headers: FieldTable;
}

/** Returns the event of a message. A message without the header has no version. */
export function eventAt(routingKey: string, message: WithHeaders, header: string | undefined): string {
  const version = header === undefined ? undefined : message.headers[header];
  const known = typeof version === 'string' || typeof version === 'number' || typeof version === 'bigint';
  return known ? `${routingKey}.v${version}` : routingKey;
}
