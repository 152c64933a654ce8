import type { FieldTable } from '../../lib/client/index.js';
import { refuseUnknown } from '../common/known-options.js';

/** A binding to make. Get one from {@link bindQueue} or {@link bindExchange}. */
export interface BindingDefinition {
  /** Where the messages go: the name of a queue or of an exchange. */
  readonly destination: string;
  readonly destinationKind: 'queue' | 'exchange';
  /** Where they come from: the name of an exchange. */
  readonly source: string;
  readonly routingKey: string;
  readonly arguments: FieldTable;
}

/** What a binding may be told apart from its ends and key. */
export interface BindingOptions {
  /** For a headers exchange the headers to match and `x-match`: `all` (the default) or `any`. */
  readonly arguments?: FieldTable;
}

/**
 * Messages of `exchange` whose routing key fits go to `queue`. A fanout or headers exchange needs no key.
 *
 * @example
 * ```ts
 * bindQueue('billing', 'orders', 'order.*')
 * ```
 *
 * @publicApi
 */
export function bindQueue(
  queue: string,
  exchange: string,
  routingKey = '',
  options: BindingOptions = {},
): BindingDefinition {
  const table = tableOf(`binding of queue '${queue}'`, options);
  return { destination: queue, destinationKind: 'queue', source: exchange, routingKey, arguments: table };
}

/**
 * Messages of the exchange `source` whose routing key fits go on to the exchange `destination`
 * (https://www.rabbitmq.com/docs/e2e).
 *
 * @publicApi
 */
export function bindExchange(
  destination: string,
  source: string,
  routingKey = '',
  options: BindingOptions = {},
): BindingDefinition {
  const table = tableOf(`binding of exchange '${destination}'`, options);
  return { destination, destinationKind: 'exchange', source, routingKey, arguments: table };
}

function tableOf(what: string, options: BindingOptions): FieldTable {
  refuseUnknown(what, options, ['arguments']);
  return options.arguments ?? {};
}
