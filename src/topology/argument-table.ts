import type { FieldTable } from '../../lib/client/index.js';
import { count } from '../common/count.js';
import { refuseUnknown } from '../common/known-options.js';
import { milliseconds, type Duration } from '../common/duration.js';

/** What the value of an option becomes as an argument; undefined leaves it out. @throws ConfigurationError */
type ToArgument = (value: never, what: string) => FieldTable[string] | undefined;

/** The name of an argument, and what its value becomes. Without that it goes as it is. */
type Named = string | readonly [argument: string, toArgument: ToArgument];

/** Options that are arguments, by their names. */
export type NamedArguments<O> = { readonly [K in keyof O]?: Named };

/**
 * The named options under the names that RabbitMQ knows them by.
 *
 * @param what whose options they are, for an error. @throws ConfigurationError
 */
export function namedArguments<O extends object>(what: string, named: NamedArguments<O>, options: O): FieldTable {
  const table: FieldTable = {};
  for (const [option, name] of Object.entries(named) as [keyof O & string, Named][]) {
    const value = options[option];
    if (value === undefined) continue;
    const [argument, toArgument = asItIs] = typeof name === 'string' ? [name] : name;
    const given = toArgument(value as never, `${what}: ${option}`);
    if (given !== undefined) table[argument] = given;
  }
  return table;
}

/**
 * The arguments of a declaration: the named options, then whatever was given as `arguments`, which wins because it is the
 * more explicit of the two.
 *
 * @param flags options that are no arguments. @throws ConfigurationError
 */
export function argumentTable<O extends { readonly arguments?: FieldTable }>(
  what: string,
  named: NamedArguments<O>,
  options: O,
  flags: readonly (keyof O & string)[] = [],
): FieldTable {
  refuseUnknown(what, options, [...flags, ...Object.keys(named), 'arguments']);
  return { ...namedArguments(what, named, options), ...options.arguments };
}

/** A time, in ms. Infinity is no limit, as leaving it out. */
export const duration: ToArgument = (value: Duration, what: string) =>
  value === Infinity ? undefined : milliseconds(value, what);

/** A whole number from `min`. Infinity is no limit, as leaving it out. */
export const countFrom =
  (min: number): ToArgument =>
  (value: number, what: string) =>
    count(value, what, { min }) === Infinity ? undefined : value;

/** A whole number from `min`. */
export const finiteFrom =
  (min: number): ToArgument =>
  (value: number, what: string) =>
    count(value, what, { min, unlimited: false });

const asItIs: ToArgument = (value: FieldTable[string]) => value;
