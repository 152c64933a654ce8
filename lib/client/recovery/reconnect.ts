import { connectToAny, type Former } from '../link/connector.js';
import { pause } from '../../environment/index.js';
import { ConnectionClosedError, TimeoutError, type AmqpError } from '../errors.js';
import type { Link } from '../link/link.js';
import type { Endpoint } from '../link/uri.js';
import type { ResolvedOptions } from '../link/connection-options.js';
import { STABLE_TIME, type ReconnectPace } from './reconnect-pace.js';

/** A connection that was lost. */
interface Loss {
  readonly error: AmqpError;
  /** ms that it had been open. */
  readonly openFor: number;
  /** Where it was. */
  readonly endpoint: Endpoint;
}

/**
 * Tries until a broker answers: rounds over all hosts, with a wait before each. The host that the connection was on has the
 * first turn, and the last where it has stopped answering.
 *
 * @param pace of this connection, across its losses
 * @param stop ends it
 * @param onFailure an attempt failed; the next is `delay` ms away
 * @returns undefined once it was stopped
 * @throws ConnectionClosedError when the attempts are spent
 */
export async function reconnect(
  options: ResolvedOptions,
  pace: ReconnectPace,
  loss: Loss,
  stop: AbortSignal,
  onFailure: (error: AmqpError, delay: number) => void,
): Promise<Link | undefined> {
  let delay = pace.afterLoss(loss.openFor);
  let failure: AmqpError = loss.error;
  for (;;) {
    if (pace.spent) {
      const message = `gave up after ${pace.attempts} attempts to reconnect: ${failure.message}`;
      throw new ConnectionClosedError(message, { cause: failure });
    }
    if (failure !== loss.error) {
      options.logger.warn(`reconnecting failed: ${failure.message}; next attempt in ${Math.round(delay)} ms`);
      onFailure(failure, delay);
    }
    await pause(options.clock, delay, stop);
    if (stop.aborted) return undefined;
    pace.begin();
    try {
      return await connectToAny(options, stop, formerOf(loss));
    } catch (error) {
      if (stop.aborted) return undefined;
      failure = error as AmqpError;
      delay = pace.afterFailure(error);
    }
  }
}

/** A host that hangs up on every connection would be tried for ever, were it the first each time. */
function formerOf({ error, openFor, endpoint }: Loss): Former | undefined {
  if (error.cause instanceof TimeoutError) return { endpoint, turn: 'last' };
  return openFor >= STABLE_TIME ? { endpoint, turn: 'first' } : undefined;
}
