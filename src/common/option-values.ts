import { ConfigurationError } from '../../lib/client/index.js';
import type { ValueCheck } from '../../lib/option-names/index.js';
import { describeValue } from './described-value.js';

export { FLAG, FUNCTION, OBJECT, oneOf, SIGNAL, TEXT, type ValueCheck } from '../../lib/option-names/index.js';

/** One check for each option that takes no number and no duration: those have `count` and `timeLimit`. */
export type ValueChecks<Options extends object> = { readonly [Name in keyof Options]?: ValueCheck };

export const NAME: ValueCheck = {
  fits: (value) => typeof value === 'string' && value !== '',
  expected: 'a string that is not empty',
};

export const ARRAY: ValueCheck = { fits: Array.isArray, expected: 'an array' };

export const WHOLE_NUMBER: ValueCheck = { fits: Number.isInteger, expected: 'a whole number' };

/** An array of objects that have these methods. */
export function listOf(what: string, ...methods: readonly string[]): ValueCheck {
  const fits = (one: unknown): boolean =>
    typeof one === 'object' && methods.every((method) => typeof (one as never)?.[method] === 'function');
  return {
    fits: (value) => Array.isArray(value) && value.every(fits),
    expected: `an array of ${what} with the methods ${methods.join(', ')}`,
  };
}

/**
 * Checks the values of options, since options from JavaScript, a variable or the environment bypass the types. An option
 * that is undefined has its default.
 *
 * @param what owner of the options, for the error: `AmqpServer`
 * @throws ConfigurationError that names the option
 */
export function checkValues<Options extends object>(
  what: string,
  options: Options,
  checks: ValueChecks<Options>,
): void {
  for (const [name, check] of Object.entries(checks) as [keyof Options & string, ValueCheck][]) {
    if (options[name] !== undefined) expectValue(`${what}: ${name}`, options[name], check);
  }
}

/** Checks one value. @param what its name, for the error @throws ConfigurationError */
export function expectValue(what: string, value: unknown, { fits, expected }: ValueCheck): void {
  if (!fits(value)) throw new ConfigurationError(`${what} must be ${expected}; it is ${describeValue(value)}`);
}
