import type { FieldTable } from '../../lib/client/index.js';

/**
 * The arguments of a declaration: the named options under the names that RabbitMQ knows them by, then whatever was
 * given as `arguments`, which wins because it is the more explicit of the two.
 */
export function argumentTable<O extends { readonly arguments?: FieldTable }>(
  named: { readonly [K in keyof O]?: string },
  options: O,
): FieldTable {
  const table: FieldTable = {};
  for (const [option, argument] of Object.entries(named) as [keyof O, string][]) {
    const value = options[option];
    if (value !== undefined) table[argument] = value as FieldTable[string];
  }
  return { ...table, ...options.arguments };
}
