import type { Clock } from './clock.js';
import { onAbort } from './on-abort.js';

/** The limits of a wait. */
export interface WaitLimits {
  readonly clock: Pick<Clock, 'after'>;
  /** ms; Infinity for no deadline. */
  readonly timeout: number;
  /** Ends the wait with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Waits for `promise`, but not beyond the deadline or the signal. The work itself goes on; its later outcome is
 * ignored.
 *
 * @param late called at the deadline: the wait ends with its result or its error
 * @throws the signal's reason, or the promise's own error
 */
export async function within<T>(
  promise: PromiseLike<T>,
  { clock, timeout, signal }: WaitLimits,
  late: () => T,
): Promise<T> {
  let cancel: (() => void) | undefined;
  const first = new Promise<T>((resolve, reject) => {
    cancel = clock.after(timeout, () => {
      // At once, since `late` may end the work, which settles in a later microtask.
      try {
        resolve(late());
      } catch (error) {
        reject(error as Error);
      }
    });
    promise.then(resolve, reject);
  });
  try {
    return await (signal ? untilAborted(first, signal) : first);
  } finally {
    cancel?.();
  }
}

/** Waits for the promise until the signal is aborted. @throws the signal's reason, or the promise's own error */
export async function untilAborted<T>(promise: PromiseLike<T>, signal: AbortSignal): Promise<T> {
  let unwatch: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    else unwatch = onAbort(signal, () => reject(signal.reason as Error));
  });
  try {
    return await Promise.race([aborted, promise]);
  } finally {
    unwatch?.();
  }
}
