import type { Clock } from '../../lib/environment/index.js';

/** Waits for the promise until the signal is aborted. @throws the signal's reason, or the promise's own error */
export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let abort = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
  // If the promise rejects after the signal, nobody handles its rejection.
  promise.catch(() => {});
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** Returns true if the work is done within `ms`, else false; the work goes on. @throws the work's own error */
export async function isDoneWithin(
  clock: Pick<Clock, 'after'>,
  timeout: number,
  work: Promise<unknown>,
): Promise<boolean> {
  let cancel = (): void => {};
  const late = new Promise<false>((resolve) => {
    cancel = clock.after(timeout, () => resolve(false));
  });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    cancel();
  }
}
