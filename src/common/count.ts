import { ConfigurationError } from '../../lib/client/index.js';
import { describeValue } from './described-value.js';

/** What a count may be. */
export interface CountRange {
  readonly min: number;
  /** Default: any. */
  readonly max?: number;
  /** Infinity means no limit. Default true. */
  readonly unlimited?: boolean;
}

/** The largest prefetch that basic.qos can say. */
export const PREFETCH_MAX = 0xffff;

/** Of unacknowledged messages: 0, too, is no limit. */
export const PREFETCH: CountRange = { min: 0, max: PREFETCH_MAX };

/** A whole number within its range. @throws ConfigurationError */
export function count(value: number, what: string, { min, max = Infinity, unlimited = true }: CountRange): number {
  if (unlimited && value === Infinity) return value;
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
  const range = max === Infinity ? `from ${min}` : `from ${min} to ${max}`;
  throw new ConfigurationError(
    `${what} must be a whole number ${range}${unlimited ? ', or Infinity for no limit' : ''}; it is ${describeValue(value)}`,
  );
}
