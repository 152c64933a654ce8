import { ConfigurationError } from '../../../lib/client/index.js';
import type { AmqpContext } from '../../settlement/amqp-context.js';
import { arrivalKey } from '../../settlement/retry/arrival-key.js';
import type { SelectionOptions } from '../options/selection-options.js';

/** The patterns by which a handler is selected, and what they are compared with. */
export interface Selection {
  /** For logs and errors: `routing key`, `type`, `header 'ce-type'`. Selections with the same text may share a consumer. */
  readonly by: string;
  readonly patterns: readonly string[];
  /** Returns what a message has there; undefined if it has nothing. */
  readonly read: (context: AmqpContext) => string | undefined;
}

/**
 * Returns the selection of a handler; undefined for a handler that gets what fits no other.
 *
 * @throws ConfigurationError for options that exclude each other
 */
export function selectionOf(name: string, options: SelectionOptions): Selection | undefined {
  const { routingKey, type, header, bind } = options;
  const given = Object.entries({ routingKey, type, header }).filter(([, value]) => value !== undefined);
  if (given.length > 1) {
    const names = given.map(([option]) => option).join(' and ');
    throw new ConfigurationError(`${name}: ${names} exclude each other: a handler is selected by one of them`);
  }
  if (bind !== undefined && (type !== undefined || header !== undefined)) {
    throw new ConfigurationError(
      `${name}: bind makes bindings of routing keys; it cannot be used with ${given[0]![0]}`,
    );
  }
  if (routingKey !== undefined) return { by: 'routing key', patterns: listOf(routingKey), read: arrivalKey };
  if (type !== undefined) return { by: 'type', patterns: listOf(type), read: ({ properties }) => properties.type };
  const [entry] = Object.entries(header ?? {});
  if (!entry) return undefined;
  const [wanted, patterns] = entry;
  return { by: `header '${wanted}'`, patterns: listOf(patterns), read: ({ headers }) => textOf(headers[wanted]) };
}

export function listOf(value: string | readonly string[]): readonly string[] {
  return typeof value === 'string' ? [value] : value;
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return ['number', 'bigint', 'boolean'].includes(typeof value) ? String(value) : undefined;
}
