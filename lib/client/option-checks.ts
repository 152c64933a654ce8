import {
  DURATION,
  count,
  unknownOption,
  wrongOption,
  type OptionChecks,
  type ValueCheck,
} from '../option-names/index.js';
import { ConfigurationError } from './errors.js';

/** Refuses unknown options, since a misspelt option would silently have its default. @throws ConfigurationError */
export function refuseUnknown(what: string, given: object, known: readonly string[]): void {
  const unknown = unknownOption(given, known);
  if (unknown !== undefined) throw new ConfigurationError(`${what}: ${unknown}`);
}

/**
 * Checks the names and the values of options before anything is done with them, since options from JavaScript, a variable
 * or the environment bypass the types.
 *
 * @param what owner of the options, for the error: `queueDeclare`
 * @param path precedes the names of nested options in errors: `reconnect.`
 * @throws ConfigurationError that names the option
 */
export function checkOptions(
  what: string,
  given: object,
  checks: Readonly<Record<string, ValueCheck>>,
  path?: string,
): void {
  const wrong = wrongOption(what, given, checks, path);
  if (wrong !== undefined) throw new ConfigurationError(wrong);
}

/** Checks one value. @param what its name, for the error @throws ConfigurationError */
export function checkValue(what: string, value: unknown, { fits, expected }: ValueCheck): void {
  if (!fits(value)) throw new ConfigurationError(`${what} must be ${expected}`);
}

const CLOSE = { timeout: DURATION } satisfies OptionChecks<{ readonly timeout?: number }>;

/** @throws ConfigurationError if the option is given and not a number of at least `min` */
export function atLeast(name: string, value: number | undefined, min: number): void {
  if (value === undefined) return;
  if (typeof value !== 'number' || !(value >= min)) {
    throw new ConfigurationError(`${name} must be a number of at least ${min}`);
  }
}

/**
 * Checks a timeout, deadline or wait: milliseconds, Infinity for none.
 *
 * @throws ConfigurationError for NaN, a negative number, or any other type
 */
export function checkDuration(name: string, value: number | undefined): void {
  if (value === undefined || (typeof value === 'number' && value >= 0)) return;
  throw new ConfigurationError(`${name} must be a number of milliseconds, 0 or more; Infinity for no limit`);
}

/** Returns the timeout of a `close()` in ms. @throws ConfigurationError */
export function closeTimeout(options: { readonly timeout?: number }): number {
  checkOptions('close', options, CLOSE);
  return options.timeout ?? 10_000;
}

/** @throws ConfigurationError if the option is given and not an AbortSignal: it would be ignored, or fail later */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (signal === undefined || typeof (signal as Partial<AbortSignal> | null)?.throwIfAborted === 'function') return;
  throw new ConfigurationError('signal must be an AbortSignal');
}

/** @throws the reason of a signal that is aborted, or ConfigurationError for anything but an AbortSignal */
export function refuseAborted(signal: AbortSignal | undefined): void {
  checkSignal(signal);
  signal?.throwIfAborted();
}

/** @throws ConfigurationError if the option is given and not a finite number from `min` to `max` */
export function inRange(name: string, value: number | undefined, min: number, max: number): void {
  if (value === undefined) return;
  if (typeof value !== 'number' || !(value >= min && value <= max) || value === Infinity) {
    throw new ConfigurationError(`${name} must be a number from ${min} to ${max}`);
  }
}

/**
 * Checks a count: a whole number from `min` to `max`, or Infinity if `unlimited`.
 *
 * @throws ConfigurationError for any other value, also for NaN and text
 */
export function checkCount(
  name: string,
  value: number | undefined,
  { min, max = Number.MAX_SAFE_INTEGER, unlimited = false }: { min: number; max?: number; unlimited?: boolean },
): void {
  if (value === undefined || (unlimited && value === Infinity)) return;
  if (Number.isInteger(value) && value >= min && value <= max) return;
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  throw new ConfigurationError(
    `${name} must be a whole number ${range}${unlimited ? ', or Infinity for no limit' : ''}`,
  );
}

/**
 * The largest prefetch: basic.qos has two octets for it, and 0 means no limit
 * (https://www.rabbitmq.com/docs/consumer-prefetch).
 */
export const PREFETCH = count({ min: 0, max: 0xffff, unlimited: true });

/** Returns a prefetch as basic.qos encodes it: 0 means no limit. */
export function encodedPrefetch(value: number): number {
  return value === Infinity ? 0 : value;
}
