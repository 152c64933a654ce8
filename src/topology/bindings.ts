import type { FieldTable } from '../../lib/client/index.js';
import { checkValues, expectValue, OBJECT, TEXT } from '../common/option-values.js';
import { refuseUnknown } from '../common/known-options.js';

/** A binding to declare. {@link bindQueue} and {@link bindExchange} create it. */
export interface BindingDefinition {
  /** Name of the queue or exchange that receives the messages. */
  readonly destination: string;
  /** The kind of `destination`. */
  readonly destinationKind: 'queue' | 'exchange';
  /** Name of the exchange that the messages come from. */
  readonly source: string;
  /** The key, or pattern, of the messages. Empty for fanout and headers exchanges. */
  readonly routingKey: string;
  /** Arguments of the binding; for a headers exchange the headers to match. */
  readonly arguments: FieldTable;
}

/** Further options of a binding. */
export interface BindingOptions {
  /** For a headers exchange: the headers to match, and `x-match` with `all` (default) or `any`. Default: none. */
  readonly arguments?: FieldTable;
}

/**
 * Binds a queue: messages of `exchange` with a matching routing key go to `queue`. A fanout or headers exchange needs
 * no key.
 *
 * @example
 * ```ts
  * bindQueue('billing', 'orders', 'order.*')
 * ```
 *
 * @throws ConfigurationError for an unknown option or an invalid value

 * @publicApi
 */
export function bindQueue(
  queue: string,
  exchange: string,
  routingKey = '',
  options: BindingOptions = {},
): BindingDefinition {
  const table = tableOf(`binding of queue '${queue}'`, { queue, exchange, routingKey }, options);
  return { destination: queue, destinationKind: 'queue', source: exchange, routingKey, arguments: table };
}

/**
 * Binds an exchange to an exchange: messages of `source` with a matching routing key go to the exchange `destination`
 * (https://www.rabbitmq.com/docs/e2e).
 *
 * @example
 * ```ts
  * bindExchange('audit', 'orders', '#')
 * ```
 *
 * @throws ConfigurationError for an unknown option or an invalid value

 * @publicApi
 */
export function bindExchange(
  destination: string,
  source: string,
  routingKey = '',
  options: BindingOptions = {},
): BindingDefinition {
  const table = tableOf(`binding of exchange '${destination}'`, { destination, source, routingKey }, options);
  return { destination, destinationKind: 'exchange', source, routingKey, arguments: table };
}

function tableOf(what: string, names: Record<string, string>, options: BindingOptions): FieldTable {
  for (const [name, value] of Object.entries(names)) expectValue(`${what}: ${name}`, value, TEXT);
  refuseUnknown(what, options, ['arguments']);
  checkValues(what, options, { arguments: OBJECT });
  return options.arguments ?? {};
}
