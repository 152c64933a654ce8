import { ConfigurationError, isMilliseconds } from '../../lib/client/index.js';
import type { ValueCheck } from '../../lib/option-names/index.js';
import { describeValue } from './described-value.js';
import { expectValue } from './option-values.js';

/**
 * A duration: a number of milliseconds, or a text with a unit: `'500ms'`, `'1.5s'`, `'10m'`, `'2h'`, `'1d'`.
 *
 * @publicApi
 */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;

const FACTORS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
/** The longest TTL that RabbitMQ accepts, in ms (32 bits). */
export const LONGEST_TTL = 2 ** 32 - 1;

const ALLOWED = "milliseconds from 0, or text such as '10s' (units ms, s, m, h, d)";

/** Converts a time that the broker measures to whole ms. @throws ConfigurationError */
export function milliseconds(duration: Duration, what: string): number {
  const ms = parse(duration);
  if (ms <= LONGEST_TTL) return Math.round(ms);
  throw new ConfigurationError(`${what} must be ${ALLOWED}, 49 days at most; it is ${describeValue(duration)}`);
}

/** Converts a time that this process measures to ms; Infinity means no limit. @throws ConfigurationError */
export function timeLimit(duration: Duration, what: string): number {
  const ms = parse(duration);
  if (ms >= 0) return ms;
  throw new ConfigurationError(
    `${what} must be ${ALLOWED}, or Infinity for no limit; it is ${describeValue(duration)}`,
  );
}

/** Converts a time without a longest value to ms. @throws ConfigurationError */
export function finiteTime(duration: Duration, what: string): number {
  const ms = parse(duration);
  if (ms < Infinity) return ms;
  throw new ConfigurationError(`${what} must be ${ALLOWED}; it is ${describeValue(duration)}`);
}

/** The time in which a publish or a handler must end: with 0 each of them would fail. */
export const TIMEOUT: ValueCheck = {
  fits: (value) => parse(value) >= 1,
  expected: "at least 1 ms, or Infinity for no limit: milliseconds, or text such as '10s' (units ms, s, m, h, d)",
};

/** Converts a value that should fit `TIMEOUT` to ms; Infinity means no limit. @throws ConfigurationError */
export function checkedTimeout(duration: Duration, what: string): number {
  expectValue(what, duration, TIMEOUT);
  return parse(duration);
}

/** A message's `expiration`: a duration, or AMQP's text of digits. */
export const EXPIRATION: ValueCheck = {
  fits: (value) => parse(value) <= LONGEST_TTL || (typeof value === 'string' && isMilliseconds(value)),
  expected: `${ALLOWED}, 49 days at most`,
};

/** Converts a value that fits `EXPIRATION` to the form of the client core. */
export function expirationOf(value: string | number): string | number {
  return typeof value === 'string' && isMilliseconds(value) ? value : Math.round(parse(value));
}

/** Returns ms, or NaN if the value is not a duration. */
function parse(duration: unknown): number {
  if (typeof duration === 'number') return duration >= 0 ? duration : NaN;
  if (typeof duration !== 'string') return NaN;
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(duration) ?? [];
  return number === undefined ? NaN : Number(number) * FACTORS[unit!]!;
}
