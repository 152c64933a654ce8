import { ConfigurationError } from '../../lib/client/index.js';
import { describeValue } from './described-value.js';

/** The values that an option may have, and their description for errors. */
export interface ValueCheck {
  readonly fits: (value: unknown) => boolean;
  readonly expected: string;
}

/** One check for each option that takes no number and no duration: those have `count` and `timeLimit`. */
export type ValueChecks<Options extends object> = { readonly [Name in keyof Options]?: ValueCheck };

/** Truthiness must not decide: the `'false'` of an environment variable would be true. */
export const FLAG: ValueCheck = { fits: (value) => typeof value === 'boolean', expected: 'true or false' };

export const TEXT: ValueCheck = { fits: (value) => typeof value === 'string', expected: 'a string' };

export const NAME: ValueCheck = {
  fits: (value) => typeof value === 'string' && value !== '',
  expected: 'a string that is not empty',
};

export const FUNCTION: ValueCheck = { fits: (value) => typeof value === 'function', expected: 'a function' };

export const OBJECT: ValueCheck = {
  fits: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  expected: 'an object',
};

/** Compares no class, since a test environment has an AbortSignal of its own. */
export const SIGNAL: ValueCheck = {
  fits: (value) => typeof (Object(value) as Partial<AbortSignal>).throwIfAborted === 'function',
  expected: 'an AbortSignal',
};

export const WHOLE_NUMBER: ValueCheck = { fits: Number.isInteger, expected: 'a whole number' };

/** One of some texts. */
export function oneOf(...values: readonly string[]): ValueCheck {
  const expected = values.map((value) => `'${value}'`).join(' or ');
  return { fits: (value) => values.includes(value as string), expected };
}

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
