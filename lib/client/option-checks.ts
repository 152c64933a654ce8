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
