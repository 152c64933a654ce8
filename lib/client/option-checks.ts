import { unknownOption } from '../option-names/index.js';
import { ConfigurationError } from './errors.js';

/** A misspelt option is an error, not a default. @throws ConfigurationError */
export function refuseUnknown(what: string, given: object, known: readonly string[]): void {
  const unknown = unknownOption(given, known);
  if (unknown !== undefined) throw new ConfigurationError(`${what}: ${unknown}`);
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

/**
 * The one rule for every count that a caller gives: a whole number from `min` to `max`, or Infinity where `unlimited`.
 *
 * @throws ConfigurationError for anything else, NaN and text included
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

/** basic.qos has two octets for it, and 0 for no limit (https://www.rabbitmq.com/docs/consumer-prefetch). */
const PREFETCH_MAX = 0xffff;

/** A prefetch as basic.qos carries it. @throws ConfigurationError, as `checkCount` does */
export function checkedPrefetch(value: number): number {
  checkCount('prefetch', value, { min: 0, max: PREFETCH_MAX, unlimited: true });
  return value === Infinity ? 0 : value;
}
