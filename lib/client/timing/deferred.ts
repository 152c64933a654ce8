import type { Clock } from '../../environment/index.js';
import { TimeoutError } from '../errors.js';
import { checkDuration } from '../option-checks.js';
import { onAbort } from './on-abort.js';

/** A promise with its two ends. It may be rejected while nobody waits on it. */
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
 * Waits for `promise`, but not beyond the deadline.
 *
 * @throws TimeoutError with `message`, the signal's reason, ConfigurationError for no such `timeout`, or its own error
 */
export async function within<T>(
  promise: Promise<T>,
  clock: Clock,
  { timeout, signal }: WaitOptions,
  message: string,
): Promise<T> {
  checkDuration('timeout', timeout);
  signal?.throwIfAborted();
  const cut = new Deferred<never>();
  const cancel = clock.after(timeout, () => cut.reject(new TimeoutError(message)));
  const unwatch = signal && onAbort(signal, () => cut.reject(signal.reason));
  try {
    return await Promise.race([promise, cut.promise]);
  } finally {
    cancel();
    unwatch?.();
  }
}
