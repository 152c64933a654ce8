import { DURATION, SIGNAL, count, wrongOption, type OptionChecks, type ValueCheck } from '../option-names/index.js';
import { ConfigurationError } from './errors.js';

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

/**
 * Checks a timeout, deadline or wait: milliseconds, Infinity for none.
 *
 * @throws ConfigurationError for NaN, a negative number, or any other type
 */
export function checkDuration(name: string, value: number | undefined): void {
  if (value !== undefined) checkValue(name, value, DURATION);
}

/** Returns the timeout of a `close()` in ms. @throws ConfigurationError */
export function closeTimeout(options: { readonly timeout?: number }): number {
  checkOptions('close', options, CLOSE);
  return options.timeout ?? 10_000;
}

/** @throws the reason of a signal that is aborted, or ConfigurationError for anything but an AbortSignal */
export function refuseAborted(signal: AbortSignal | undefined): void {
  if (signal === undefined) return;
  checkValue('signal', signal, SIGNAL);
  signal.throwIfAborted();
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
