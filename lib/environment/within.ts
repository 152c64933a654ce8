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
  let outcome: Promise<T> | undefined;
  const end = new Promise<T>((resolve) => {
    cancel = clock.after(timeout, () => {
      outcome = new Promise((settle) => settle(late()));
      resolve(outcome);
    });
  });
  // `late` may end the work, which then settles before `end` does.
  const inTime = Promise.resolve(promise).then(
    (value) => outcome ?? value,
    (error: unknown) => outcome ?? Promise.reject(error as Error),
  );
  const first = Promise.race([inTime, end]);
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
