import type { Clock } from './clock.js';
import { onAbort } from './on-abort.js';

/**
 * Waits `delay` ms, or until the signal is aborted; returns at once if it is aborted already. Keeps the process alive
 * as {@link Clock.after} does.
 */
export function pause(
  clock: Pick<Clock, 'after'>,
  delay: number,
  signal: AbortSignal,
  options?: { readonly keepAlive?: boolean },
): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      cancel();
      unwatch();
      resolve();
    };
    const cancel = clock.after(delay, done, options);
    const unwatch = onAbort(signal, done);
  });
}
