import type { FieldTable } from '../../lib/client/index.js';
import { argumentTable } from './argument-table.js';

/** An exchange to declare. Make one with {@link topicExchange} and its siblings. */
export interface ExchangeDefinition {
  readonly name: string;
  /** `topic`, `direct`, `fanout`, `headers`, or what a plugin adds. */
  readonly type: string;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  readonly internal: boolean;
  readonly arguments: FieldTable;
}

/** What an exchange may be told apart from its name and type. */
export interface ExchangeOptions {
  /** Survives a restart of the broker. Default true. */
  readonly durable?: boolean;
  /** Goes when its last binding goes. Default false. */
  readonly autoDelete?: boolean;
  /** Nobody can publish to it, it can only be bound to other exchanges. Default false. */
  readonly internal?: boolean;
  /**
   * Where messages go that this exchange can route nowhere (`alternate-exchange`,
   * https://www.rabbitmq.com/docs/ae). They count as routed: a mandatory message is then not returned.
   */
  readonly alternateExchange?: string;
  /** Further arguments, as they are. */
  readonly arguments?: FieldTable;
}

const named = { alternateExchange: 'alternate-exchange' } as const;

/**
 * An exchange of any type, for those that plugins add (`x-delayed-message`, `x-consistent-hash`).
 *
 * @publicApi
 */
export function exchange(name: string, type: string, options: ExchangeOptions = {}): ExchangeDefinition {
  return {
    name,
    type,
    durable: options.durable ?? true,
    autoDelete: options.autoDelete ?? false,
    internal: options.internal ?? false,
    arguments: argumentTable(`exchange '${name}'`, named, options, ['durable', 'autoDelete', 'internal']),
  };
}

/**
 * An exchange that routes by pattern: `*` stands for one word of the routing key, `#` for any number of them.
 *
 * @example
 * ```ts
 * topicExchange('orders', { alternateExchange: 'unroutable' })
 * ```
 *
 * @publicApi
 */
export const topicExchange = (name: string, options?: ExchangeOptions): ExchangeDefinition =>
  exchange(name, 'topic', options);

/**
 * An exchange that routes by the routing key being equal.
 *
 * @publicApi
 */
export const directExchange = (name: string, options?: ExchangeOptions): ExchangeDefinition =>
  exchange(name, 'direct', options);

/**
 * An exchange that routes to everything bound to it.
 *
 * @publicApi
 */
export const fanoutExchange = (name: string, options?: ExchangeOptions): ExchangeDefinition =>
  exchange(name, 'fanout', options);

/**
 * An exchange that routes by headers: bind with `arguments: { 'x-match': 'all', … }`.
 *
 * @publicApi
 */
export const headersExchange = (name: string, options?: ExchangeOptions): ExchangeDefinition =>
  exchange(name, 'headers', options);
