import { ConfigurationError, TimeoutError } from '../errors.js';
import { resolveEndpoints } from './endpoints.js';
import { within } from '../timing/deferred.js';
import { Link } from './link.js';
import type { ResolvedOptions } from './connection-options.js';
import { addressOf, type Endpoint } from './uri.js';

/** Deadline over the search for brokers, and for each over DNS, TCP, TLS and handshake, in ms. */
const DEFAULT_CONNECT_TIMEOUT = 10_000;

/**
 * Finds a broker: one round over all hosts, in random order, each with its own deadline.
 *
 * @param stop ends it, with the signal's reason
 * @throws the last host's error
 */
export async function connectToAny(options: ResolvedOptions, stop: AbortSignal): Promise<Link> {
  let failure: unknown;
  for (const endpoint of await findEndpoints(options, stop)) {
    try {
      return await connectTo(endpoint, options, stop);
    } catch (error) {
      stop.throwIfAborted();
      // What is wrong with the options is wrong for every host.
      if (error instanceof ConfigurationError) throw error;
      failure = error;
    }
  }
  throw failure;
}

/** The resolver is somebody else's code: it may take for ever. */
function findEndpoints(options: ResolvedOptions, stop: AbortSignal): Promise<Endpoint[]> {
  const { clock, random, urls, connectTimeout: timeout = DEFAULT_CONNECT_TIMEOUT } = options;
  const late = `urls: the function did not find any broker within ${timeout} ms`;
  return within(resolveEndpoints(urls, random), clock, { timeout, signal: stop }, late);
}

async function connectTo(endpoint: Endpoint, options: ResolvedOptions, stop: AbortSignal): Promise<Link> {
  stop.throwIfAborted();
  const timeout = options.connectTimeout ?? endpoint.query.connectionTimeout ?? DEFAULT_CONNECT_TIMEOUT;
  const deadline = new AbortController();
  const cancel = options.clock.after(timeout, () => {
    deadline.abort(new TimeoutError(`${addressOf(endpoint)} did not complete the handshake within ${timeout} ms`));
  });
  const onStop = (): void => deadline.abort(stop.reason);
  stop.addEventListener('abort', onStop, { once: true });
  try {
    return await Link.open(endpoint, options, deadline.signal);
  } finally {
    cancel();
    stop.removeEventListener('abort', onStop);
  }
}
