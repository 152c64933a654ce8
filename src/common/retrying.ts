import { Backoff, pause, untilAborted } from '../../lib/environment/index.js';
import type { Environment } from './environment.js';

export interface RetryingOptions {
  readonly environment: Pick<Environment, 'clock' | 'random'>;
  /**
   * Maximum wait after the first failure, ms. It doubles with each failure up to `max`; each wait is drawn with full
   * jitter.
   */
  readonly first: number;
  /** ms. */
  readonly max: number;
  /** Ends the attempts with the signal's reason. */
  readonly signal: AbortSignal;
}

/**
 * Repeats work until it succeeds.
 *
 * @param onFailure is called with each failure and the wait before the next attempt in ms. An error that it throws ends
 * the attempts
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

/** Remembers the last reason of failed attempts. A reason that repeats is logged once, however long an outage takes. */
export class LastReason {
  private last: string | undefined;

  /** Returns true unless the reason is the same as before. */
  isNew(reason: string): boolean {
    if (reason === this.last) return false;
    this.last = reason;
    return true;
  }
}
