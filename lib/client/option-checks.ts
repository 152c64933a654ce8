import { ConfigurationError } from './errors.js';

/** A misspelt option is an error, not a default. @throws ConfigurationError */
export function refuseUnknown(what: string, given: object, known: readonly string[]): void {
  for (const name of Object.keys(given)) {
    if (!known.includes(name)) {
      throw new ConfigurationError(`${what}: unknown option '${name}'; known are: ${known.join(', ')}`);
    }
  }
}

/** @throws ConfigurationError when the option is there and not a number of at least `min` */
export function atLeast(name: string, value: number | undefined, min: number): void {
  if (value === undefined) return;
  if (typeof value !== 'number' || !(value >= min)) {
    throw new ConfigurationError(`${name} must be a number of at least ${min}`);
  }
}

/**
 * The one rule for every timeout, deadline and wait that a caller gives: milliseconds, Infinity for none.
 *
 * @throws ConfigurationError for NaN, less than nothing, or what is no number
 */
export function checkDuration(name: string, value: number | undefined): void {
  if (value === undefined || (typeof value === 'number' && value >= 0)) return;
  throw new ConfigurationError(`${name} must be a number of milliseconds, 0 or more; Infinity for no limit`);
}

/** @throws ConfigurationError when the option is there and not a finite number from `min` to `max` */
export function inRange(name: string, value: number | undefined, min: number, max: number): void {
  if (value === undefined) return;
  if (typeof value !== 'number' || !(value >= min && value <= max) || value === Infinity) {
    throw new ConfigurationError(`${name} must be a number from ${min} to ${max}`);
  }
}
