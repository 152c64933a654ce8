import { hasWildcards } from '../../common/topic-pattern.js';
import type { NamedConnection } from '../../registry/named-connection.js';
import { bindQueue, type BindingDefinition } from '../../topology/bindings.js';
import { InvalidConsumerError } from '../consumer.errors.js';

/**
 * Returns the bindings of a queue by exactly the routing keys of its handlers.
 *
 * @param handlers for the error
 * @throws InvalidConsumerError for a pattern that the exchange would take for a key
 */
export function derivedBindings(
  queue: string,
  exchanges: readonly string[],
  keys: readonly string[],
  { connections }: Pick<NamedConnection, 'connections'>,
  handlers: string,
): readonly BindingDefinition[] {
  return exchanges.flatMap((exchange) =>
    keys.map((key) => {
      if (connections.topology.exchange(exchange)?.type === 'direct' && hasWildcards(key)) {
        throw new InvalidConsumerError(
          `${handlers}: bind cannot bind queue '${queue}' by the pattern '${key}': '${exchange}' is a direct exchange, which knows ` +
            'no patterns. Name each key, or use a topic exchange.',
        );
      }
      return bindQueue(queue, exchange, key);
    }),
  );
}
