import { connectToAny, type Former } from '../link/connector.js';
import { pause } from '../../environment/index.js';
import { ConfigurationError, ConnectionClosedError, TimeoutError, type AmqpError } from '../errors.js';
import type { Link } from '../link/link.js';
import type { Endpoint } from '../link/uri.js';
import type { ResolvedOptions } from '../link/connection-options.js';
import { STABLE_TIME, type ReconnectPace } from './reconnect-pace.js';

/** A connection that was lost. */
export interface Loss {
  readonly error: AmqpError;
  /** The time in ms for which it was open. */
  readonly openFor: number;
  /** The broker's address. */
  readonly endpoint: Endpoint;
}

/** Number of failed attempts in an outage that are logged. An outage of minutes has hundreds with the same text. */
const LOGGED_FAILURES = 3;

/**
 * Tries until a broker answers: rounds over all hosts, with a wait before each round except the first. The former host
 * is tried first, or last if it has stopped answering.
 *
 * @param loss undefined for a connection that was never open
 * @param pace of this connection, across its losses
 * @param stop ends the attempts
 * @param onFailure called after a failed attempt; the next one follows after `delay` ms
 * @returns undefined once it was stopped
 * @throws ConnectionClosedError if no attempt is left; ConfigurationError for options that cannot open any connection
 */
export async function reconnect(
  options: ResolvedOptions,
  pace: ReconnectPace,
  loss: Loss | undefined,
  stop: AbortSignal,
  onFailure: (error: AmqpError, delay: number) => void,
): Promise<Link | undefined> {
  const what = loss ? 'reconnect' : 'connect';
  let delay = loss ? pace.afterLoss(loss.openFor) : 0;
  let failure = loss?.error;
  for (let failures = 0; ; failures++) {
    if (pace.spent) {
      const message = `gave up after ${pace.attempts} attempt${pace.attempts === 1 ? '' : 's'} to ${what}: ${failure?.message}`;
      throw new ConnectionClosedError(message, { cause: failure });
    }
    if (failure !== undefined && failures > 0) {
      // A listener may have stopped the attempts.
      onFailure(failure, delay);
      if (stop.aborted) return undefined;
      const last = failures === LOGGED_FAILURES ? ', further failures are not logged' : '';
      const line = `${what}ing failed: ${failure.message}; next attempt in ${Math.round(delay)} ms${last}`;
      if (failures <= LOGGED_FAILURES) options.logger.warn(line);
    }
    if (failure !== undefined) await pause(options.clock, delay, stop);
    if (stop.aborted) return undefined;
    pace.begin();
    try {
      return await connectToAny(options, stop, loss && formerOf(loss));
    } catch (error) {
      if (stop.aborted) return undefined;
      // A function that returns the hosts may return others next time, but not before it has returned any.
      if (!loss && error instanceof ConfigurationError) throw error;
      failure = error as AmqpError;
      delay = pace.afterFailure(error);
    }
  }
}

/** A host that closes every connection would be tried for ever if it was always the first. */
function formerOf({ error, openFor, endpoint }: Loss): Former | undefined {
  if (error.cause instanceof TimeoutError) return { endpoint, turn: 'last' };
  return openFor >= STABLE_TIME ? { endpoint, turn: 'first' } : undefined;
}
