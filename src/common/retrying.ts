import { Backoff, pause, untilAborted } from '../../lib/environment/index.js';
import type { Environment } from './environment.js';

export interface RetryingOptions {
  readonly environment: Pick<Environment, 'clock' | 'random'>;
  /** ms: the longest wait after the first failure. It doubles up to `max`, each drawn with full jitter. */
  readonly first: number;
  /** ms. */
  readonly max: number;
  /** Ends it, with the signal's reason. */
  readonly signal: AbortSignal;
}

/**
 * Does something until it succeeds.
 *
 * @param onFailure hears of each failure, and of the wait before the next attempt in ms; what it throws ends it
 * @throws the signal's reason, or what `onFailure` throws
 */
export async function retrying<T>(
  work: () => Promise<T>,
  { environment, first, max, signal }: RetryingOptions,
  onFailure: (error: unknown, delay: number) => void,
): Promise<T> {
  const { clock, random } = environment;
  const backoff = new Backoff(first, max, random);
  for (;;) {
    signal.throwIfAborted();
    try {
      return await untilAborted(work(), signal);
    } catch (error) {
      signal.throwIfAborted();
      const delay = backoff.next();
      onFailure(error, delay);
      await pause(clock, delay, signal);
    }
  }
}
