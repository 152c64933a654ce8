import type { FieldTable } from '../../lib/client/index.js';
import { expectValue, NAME, TEXT } from '../common/option-values.js';
import { argumentTable, valueOf } from './argument-table.js';

/** An exchange to declare. {@link topicExchange} and the other functions of this file create it. */
export interface ExchangeDefinition {
  /** Name of the exchange. */
  readonly name: string;
  /** `topic`, `direct`, `fanout`, `headers`, or the type of a plugin. */
  readonly type: string;
  /** The exchange survives a restart of the broker. */
  readonly durable: boolean;
  /** The exchange is deleted when its last binding is removed. */
  readonly autoDelete: boolean;
  /** Clients cannot publish to the exchange. */
  readonly internal: boolean;
  /** The arguments of the declaration, those of the options included. */
  readonly arguments: FieldTable;
}

/** Further options of an exchange. */
export interface ExchangeOptions {
  /** The exchange survives a restart of the broker. Default true. */
  readonly durable?: boolean;
  /** The exchange is deleted when its last binding is removed. Default false. */
  readonly autoDelete?: boolean;
  /** Clients cannot publish to the exchange; it only receives messages from other exchanges. Default false. */
  readonly internal?: boolean;
  /**
   * Exchange that receives the messages that this exchange cannot route (`alternate-exchange`,
   * https://www.rabbitmq.com/docs/ae). Such messages count as routed, so mandatory messages are not returned. Default:
   * none.
   */
  readonly alternateExchange?: string;
  /** Further arguments, sent unchanged. One that contradicts an option is a `ConfigurationError`. Default: none. */
  readonly arguments?: FieldTable;
}

const named = { alternateExchange: ['alternate-exchange', valueOf(TEXT)] } as const;

/**
 * An exchange of any type, for types that plugins add (`x-delayed-message`, `x-consistent-hash`).
 *
 * @example
 * ```ts
 * exchange('by-customer', 'x-consistent-hash')
 * ```
 *
 * @throws ConfigurationError for an unknown option
 * @publicApi
 */
export function exchange(name: string, type: string, options: ExchangeOptions = {}): ExchangeDefinition {
  expectValue('the name of an exchange', name, NAME);
  expectValue(`exchange '${name}': type`, type, NAME);
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
 * A topic exchange: it routes by pattern. `*` stands for one word of the routing key, `#` for any number of words.
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
 * A direct exchange: it routes to queues whose binding key equals the routing key.
 *
 * @example
 * ```ts
 * directExchange('commands')
 * ```
 *
 * @throws ConfigurationError for an unknown option
 *
 * @publicApi
 */
export const directExchange = (name: string, options?: ExchangeOptions): ExchangeDefinition =>
  exchange(name, 'direct', options);

/**
 * A fanout exchange: it routes to every queue and exchange that is bound to it.
 *
 * @example
 * ```ts
 * fanoutExchange('unroutable')
 * ```
 *
 * @throws ConfigurationError for an unknown option
 *
 * @publicApi
 */
export const fanoutExchange = (name: string, options?: ExchangeOptions): ExchangeDefinition =>
  exchange(name, 'fanout', options);

/**
 * A headers exchange: it routes by headers. Bind queues with `arguments: { 'x-match': 'all', … }`.
 *
 * @publicApi
 */
export const headersExchange = (name: string, options?: ExchangeOptions): ExchangeDefinition =>
  exchange(name, 'headers', options);
