import type { Urls } from '../../../lib/client/index.js';
import type { NamedConnection } from '../../registry/named-connection.js';
import type { RetryPolicy } from '../../settlement/retry/retry-policy.js';
import type { TopologyOptions } from '../../topology/topology.js';

/** The broker of a server: the module's connection, or one of its own. */
export type ServerConnection = NamedConnection | { readonly connectionName: string; readonly urls: Urls };

/** The messages that a server of the microservice transport takes, and their sources. */
export interface ServerDescription {
  readonly connection: ServerConnection;
  /** The application's name of the queue, which is in {@link topology}. */
  readonly queue: string;
  /** Undefined if the server does not acknowledge messages, so that none is retried. */
  readonly policy: RetryPolicy | undefined;
  /** True if a serializer or deserializer of the application decides what travels. */
  readonly isCustom: boolean;
  /** Selects the handlers that name a transport. */
  readonly transport: symbol;
  /** Returns the pattern of a handler as messages have it, with the properties of an object in order. */
  patternOf(pattern: unknown): string;
  /** Returns where clients publish messages of a pattern; undefined for the queue. */
  placeOf(pattern: string): { readonly exchange: string; readonly routingKey: string } | undefined;
  /** Returns what the server declares or uses. @param patterns those of its handlers */
  topology(patterns: readonly string[]): TopologyOptions;
}

/** The method by which a server describes itself. Documents do not import the transport, which needs an optional package. */
export const DESCRIBE: unique symbol = Symbol('describe');

/** A server that describes itself. */
export interface DescribedServer {
  [DESCRIBE](): ServerDescription;
}

/** The token of the servers that a module registers. */
export const SERVERS = Symbol.for('nest-amqp:servers');

export function isDescribed(server: unknown): server is DescribedServer {
  return typeof server === 'object' && server !== null && DESCRIBE in server;
}
