import { within as waitWithin, type Clock } from '../../environment/index.js';
import { TimeoutError } from '../errors.js';
import { checkDuration, refuseAborted } from '../option-checks.js';

/** A promise with its resolve and reject functions. A rejection while nobody waits is no unhandled rejection. */
export class Deferred<T> {
  readonly promise: Promise<T>;
  resolve!: (value: T | PromiseLike<T>) => void;
  reject!: (error: unknown) => void;

  constructor() {
    this.promise = new Promise<T>((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.promise.catch(() => {});
  }
}

export interface WaitOptions {
  /** ms; Infinity: no deadline */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Waits for a promise, but not beyond the deadline.
 *
 * @param work the promise, or a function that starts the work unless the options end the wait before
 * @throws TimeoutError with `message`, the signal's reason, ConfigurationError for an invalid `timeout`, or the
 * promise's error
 */
export async function within<T>(
  work: Promise<T> | (() => Promise<T>),
  clock: Pick<Clock, 'after'>,
  { timeout, signal }: WaitOptions,
  message: string,
): Promise<T> {
  checkDuration('timeout', timeout);
  refuseAborted(signal);
  return waitWithin(typeof work === 'function' ? work() : work, { clock, timeout, signal }, () => {
    throw new TimeoutError(message);
  });
}
