import { unknownOption } from './unknown-option.js';

/** The values that an option may have, and their description for errors. */
export interface ValueCheck {
  readonly fits: (value: unknown) => boolean;
  /** Completes the sentence `durable must be …`. */
  readonly expected: string;
}

/**
 * One check for each option of an interface. The table and the interface check each other: a missing or additional name
 * does not compile.
 *
 * ```ts
 * const CHECKS = { noAck: FLAG, ...CALL_CHECKS } satisfies OptionChecks<GetOptions>;
 * ```
 */
export type OptionChecks<Options extends object> = { readonly [Name in keyof Options]-?: ValueCheck };

/** Truthiness must not decide: the `'false'` of an environment variable would be true. */
export const FLAG: ValueCheck = { fits: (value) => typeof value === 'boolean', expected: 'true or false' };

export const TEXT: ValueCheck = { fits: (value) => typeof value === 'string', expected: 'a string' };

export const FUNCTION: ValueCheck = { fits: (value) => typeof value === 'function', expected: 'a function' };

export const OBJECT: ValueCheck = {
  fits: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  expected: 'an object',
};

/** Compares no class, since a test environment has an AbortSignal of its own. */
export const SIGNAL: ValueCheck = { fits: (value) => hasMethods(value, 'throwIfAborted'), expected: 'an AbortSignal' };

/** A timeout, deadline or wait. */
export const DURATION: ValueCheck = {
  fits: (value) => typeof value === 'number' && value >= 0,
  expected: 'a number of milliseconds, 0 or more; Infinity for no limit',
};

/** For tests: a clock of one's own. */
export const CLOCK = withMethods('a clock', 'now', 'wallTime', 'after', 'afterPendingEvents');

/** For options that code elsewhere checks, with an error of its own. */
export const CHECKED_ELSEWHERE: ValueCheck = { fits: () => true, expected: 'anything' };

/** A value that one of two checks accepts. */
export function either(one: ValueCheck, other: ValueCheck): ValueCheck {
  return {
    fits: (value) => one.fits(value) || other.fits(value),
    expected: `${one.expected} or ${other.expected}`,
  };
}

/** An object with these methods. */
export function withMethods(what: string, ...methods: readonly string[]): ValueCheck {
  return {
    fits: (value) => hasMethods(value, ...methods),
    expected: `${what} with the method${methods.length === 1 ? '' : 's'} ${methods.join(', ')}`,
  };
}

/** One of some texts. */
export function oneOf(...values: readonly string[]): ValueCheck {
  const expected = values.map((value) => `'${value}'`).join(' or ');
  return { fits: (value) => values.includes(value as string), expected };
}

/** A number of at least `min`, also Infinity. */
export function numberFrom(min: number): ValueCheck {
  return { fits: (value) => typeof value === 'number' && value >= min, expected: `a number of at least ${min}` };
}

/** A finite number from `min` to `max`. */
export function numberIn(min: number, max: number): ValueCheck {
  return {
    fits: (value) => Number.isFinite(value) && (value as number) >= min && (value as number) <= max,
    expected: `a number from ${min} to ${max}`,
  };
}

/** A whole number from `min` to `max`, or Infinity if `unlimited`. */
export function count({
  min,
  max = Number.MAX_SAFE_INTEGER,
  unlimited = false,
}: {
  readonly min: number;
  readonly max?: number;
  readonly unlimited?: boolean;
}): ValueCheck {
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  return {
    fits: (value) =>
      (unlimited && value === Infinity) ||
      (Number.isInteger(value) && (value as number) >= min && (value as number) <= max),
    expected: `a whole number ${range}${unlimited ? ', or Infinity for no limit' : ''}`,
  };
}

/**
 * Describes the first unknown name or wrong value among `given`: `connect: unknown option 'url'; …`, or `frameMax must be
 * …`. Returns undefined if there is none. An option that is undefined has its default. The text does not repeat the value,
 * which may be a secret.
 *
 * @param what owner of the options
 * @param path precedes the names of nested options: `reconnect.`
 */
export function wrongOption(
  what: string,
  given: object,
  checks: Readonly<Record<string, ValueCheck>>,
  path = '',
): string | undefined {
  const allKnown = OBJECT.fits(given) && Object.keys(given).every((name) => Object.hasOwn(checks, name));
  if (!allKnown) return `${what}: ${unknownOption(given, Object.keys(checks))}`;
  for (const name in checks) {
    const { fits, expected } = checks[name]!;
    const value = (given as Readonly<Record<string, unknown>>)[name];
    if (value !== undefined && !fits(value)) return `${path}${name} must be ${expected}`;
  }
  return undefined;
}

function hasMethods(value: unknown, ...methods: readonly string[]): boolean {
  if (typeof value !== 'object' && typeof value !== 'function') return false;
  return methods.every((method) => typeof (value as Readonly<Record<string, unknown>> | null)?.[method] === 'function');
}
