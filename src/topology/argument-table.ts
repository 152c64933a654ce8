import { ConfigurationError, TypedField, type FieldTable } from '../../lib/client/index.js';
import { count } from '../common/count.js';
import { describeValue } from '../common/described-value.js';
import { checkValues, expectValue, FLAG, OBJECT, type ValueCheck } from '../common/option-values.js';
import { refuseUnknown } from '../common/known-options.js';
import { milliseconds, type Duration } from '../common/duration.js';

/** Converts the value of an option to an argument; undefined omits it. @throws ConfigurationError */
type ToArgument = (value: never, what: string) => FieldTable[string] | undefined;

/** The name of an argument, and the conversion of its value if it needs one. */
type Named = string | readonly [argument: string, toArgument: ToArgument];

/** Maps options to the names of their arguments. */
export type NamedArguments<O> = { readonly [K in keyof O]?: Named };

/**
 * Returns the given options under RabbitMQ's names.
 *
 * @param what owner of the options, for errors
 * @throws ConfigurationError
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
 * Builds the arguments of a declaration from those that the builder sets, the named options, and `arguments`.
 *
 * @param flags options that are not arguments, each true or false
 * @param fixed the arguments that the builder sets
 * @throws ConfigurationError also if two of them have different values for the same argument
 */
export function argumentTable<O extends { readonly arguments?: FieldTable }>(
  what: string,
  named: NamedArguments<O>,
  options: O,
  flags: readonly (keyof O & string)[] = [],
  fixed: FieldTable = {},
): FieldTable {
  refuseUnknown(what, options, [...flags, ...Object.keys(named), 'arguments']);
  checkValues(what, options, { arguments: TABLE, ...Object.fromEntries(flags.map((flag) => [flag, FLAG])) });
  const made = { ...fixed, ...namedArguments(what, named, options) };
  const given = options.arguments ?? {};
  for (const [argument, value] of Object.entries(given)) {
    if (value === undefined || !(argument in made) || plain(value) === plain(made[argument])) continue;
    const owner = ownerOf(named, argument);
    throw new ConfigurationError(
      `${what}: arguments['${argument}'] contradicts ${owner === undefined ? 'the type of the queue' : `the option ${owner}`}; remove one of them`,
    );
  }
  return { ...made, ...given };
}

/** A Map or a Date has no keys of its own, so it would be an empty table. */
const TABLE: ValueCheck = {
  fits: (value) => OBJECT.fits(value) && Object.prototype.toString.call(value) === '[object Object]',
  expected: 'a plain object',
};

const plain = (value: FieldTable[string] | undefined): unknown => (value instanceof TypedField ? value.value : value);

/** Returns the option whose argument it is. */
function ownerOf(named: object, argument: string): string | undefined {
  const entries = Object.entries(named) as [string, Named][];
  return entries.find(([, name]) => (typeof name === 'string' ? name : name[0]) === argument)?.[0];
}

/** A time in ms. Infinity means no limit and omits the argument. */
export const duration: ToArgument = (value: Duration, what: string) =>
  value === Infinity ? undefined : milliseconds(value, what);

/** A time in ms, from 1. Infinity means no limit and omits the argument. */
export const durationFromOne: ToArgument = (value: Duration, what: string) => {
  const ms = duration(value as never, what);
  if (ms !== 0) return ms;
  throw new ConfigurationError(`${what} must be at least 1 ms; it is ${describeValue(value)}`);
};

/** A value that is sent unchanged. */
export const valueOf =
  (check: ValueCheck): ToArgument =>
  (value: FieldTable[string], what: string) => {
    expectValue(what, value, check);
    return value;
  };

/** A whole number from `min`. Infinity means no limit and omits the argument. */
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
