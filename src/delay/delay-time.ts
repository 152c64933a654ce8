import { types } from 'node:util';
import { ConfigurationError } from '../../lib/client/index.js';
import type { Clock } from '../../lib/environment/index.js';
import { describeValue } from '../common/described-value.js';
import { timeLimit, type Duration } from '../common/duration.js';
import type { ValueCheck } from '../common/option-values.js';
import { expectValue } from '../common/option-values.js';

const DAY = 86_400_000;
/** The longest delay, ms: one year. */
const LONGEST = 366 * DAY;

/**
 * When a message is delivered.
 *
 * @publicApi
 */
export interface DelayOptions {
  /**
   * The broker keeps the message for this time, and delivers it then: ms, or a text such as `'1h'`; 366 days at most.
   * Cannot be combined with `at`, `expiration`, and the headers `CC` and `BCC`. Default: none.
   */
  readonly delay?: Duration | undefined;
  /**
   * The broker keeps the message until this time; a time that has passed means now. Otherwise as `delay`. Default: none.
   */
  readonly at?: Date | undefined;
}

const DATE: ValueCheck = {
  fits: (value) => types.isDate(value) && !Number.isNaN(value.getTime()),
  expected: 'a valid Date',
};

/**
 * Returns the delay in ms; 0 for none. @param what owner of the options, for errors
 *
 * @throws ConfigurationError
 */
export function delayOf(what: string, { delay, at }: DelayOptions, clock: Pick<Clock, 'wallTime'>): number {
  if (delay !== undefined && at !== undefined) {
    throw new ConfigurationError(`${what}: delay and at cannot be combined; remove one of both`);
  }
  if (delay !== undefined) return expectAtMostAYear(`${what}: delay`, timeLimit(delay, `${what}: delay`), delay);
  if (at === undefined) return 0;
  expectValue(`${what}: at`, at, DATE);
  return expectAtMostAYear(`${what}: at`, Math.max(0, at.getTime() - clock.wallTime()), at);
}

function expectAtMostAYear(what: string, ms: number, given: unknown): number {
  if (ms <= LONGEST) return ms;
  throw new ConfigurationError(`${what} must be at most 366 days ahead; it is ${describeValue(given)}`);
}
