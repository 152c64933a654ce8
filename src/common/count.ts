import { ConfigurationError } from '../../lib/client/index.js';
import { describeValue } from './described-value.js';

/** The allowed range of a count. */
export interface CountRange {
  readonly min: number;
  /** Default: no maximum. */
  readonly max?: number;
  /** Infinity is allowed and means no limit. Default true. */
  readonly unlimited?: boolean;
}

/** The largest prefetch that basic.qos can encode. */
export const PREFETCH_MAX = 0xffff;

/** A number of unacknowledged messages; 0 also means no limit. */
export const PREFETCH: CountRange = { min: 0, max: PREFETCH_MAX };

/** Checks that the value is a whole number in the range. @throws ConfigurationError */
export function count(value: number, what: string, { min, max = Infinity, unlimited = true }: CountRange): number {
  if (unlimited && value === Infinity) return value;
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
  const range = max === Infinity ? `from ${min}` : `from ${min} to ${max}`;
  throw new ConfigurationError(
    `${what} must be a whole number ${range}${unlimited ? ', or Infinity for no limit' : ''}; it is ${describeValue(value)}`,
  );
}
