import { Backoff, pause } from '../../environment/index.js';
import { connectToAny } from '../link/connector.js';
import { ConnectionClosedError, type AmqpError } from '../errors.js';
import type { Link } from '../link/link.js';
import type { ResolvedOptions } from '../link/connection-options.js';

/**
 * Tries until a broker answers: rounds over all hosts, with a wait before each that doubles, drawn with full jitter.
 *
 * @param stop ends it
 * @param onFailure an attempt failed; the next is `delay` ms away
 * @returns undefined once it was stopped
 * @throws ConnectionClosedError when the attempts are spent
 */
export async function reconnect(
  options: ResolvedOptions,
  stop: AbortSignal,
  onFailure: (error: AmqpError, delay: number) => void,
): Promise<Link | undefined> {
  const { initialDelay, maxDelay, attempts } = options.reconnect as Exclude<ResolvedOptions['reconnect'], false>;
  const backoff = new Backoff(initialDelay, maxDelay, options.random);
  let delay = backoff.next();
  for (let attempt = 1; ; attempt++) {
    await pause(options.clock, delay, stop);
    if (stop.aborted) return undefined;
    try {
      return await connectToAny(options, stop);
    } catch (error) {
      if (stop.aborted) return undefined;
      const { message } = error as Error;
      if (attempt >= attempts) {
        throw new ConnectionClosedError(`gave up after ${attempt} attempts to reconnect: ${message}`, { cause: error });
      }
      delay = backoff.next();
      options.logger.warn(`reconnecting failed: ${message}; next attempt in ${Math.round(delay)} ms`);
      onFailure(error as AmqpError, delay);
    }
  }
}
