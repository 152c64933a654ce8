import { onAbort } from '../../environment/index.js';
import { ConfigurationError, ConnectionClosedError, TimeoutError } from '../errors.js';
import { resolveEndpoints } from './endpoints.js';
import { trace, tracing, type ConnectTrace } from '../tracing.js';
import { Deferred, within } from '../timing/deferred.js';
import { Link } from './link.js';
import { DEFAULT_CONNECT_TIMEOUT, type ResolvedOptions, type RoundOptions } from './connection-options.js';
import { fetchCredentials } from './credentials.js';
import { addressOf, type Endpoint } from './uri.js';

/** Time in ms for a host to complete its handshake alone. After it, the next host is tried in parallel. */
const HEAD_START = 1_000;

/** The host of a former connection. */
export interface Former {
  readonly endpoint: Endpoint;
  /** `first` if the host was good, `last` if it had stopped answering. */
  readonly turn: 'first' | 'last';
}

/**
 * Finds a broker in one round over all hosts, in random order, each with its own deadline. The next host is tried when
 * one fails, and in parallel to one that has not answered for a second. The first host to complete its handshake is
 * used (RFC 8305, "happy eyeballs", with the AMQP handshake in place of TCP's).
 *
 * @param stop ends the round with the signal's reason
 * @param former the host of the former connection
 * @throws the error of the host that failed last
 */
export function connectToAny(options: ResolvedOptions, stop: AbortSignal, former?: Former): Promise<Link> {
  if (!tracing.connect.hasSubscribers) return oneRound(options, stop, former);
  const message: ConnectTrace = { connectionName: options.connectionName };
  return trace(
    tracing.connect,
    message,
    () => oneRound(options, stop, former),
    (traced, { peer }) => (traced.peer = peer),
  );
}

async function oneRound(resolved: ResolvedOptions, stop: AbortSignal, former: Former | undefined): Promise<Link> {
  const endpoints = inOrder(await findEndpoints(resolved, stop), former);
  stop.throwIfAborted();
  const options = await findCredentials(resolved, stop);
  stop.throwIfAborted();
  const over = new AbortController();
  const unwatch = onAbort(stop, () => over.abort(stop.reason));
  const { promise, resolve, reject } = new Deferred<Link>();
  let [running, next] = [0, 0];
  let cancel = (): void => {};
  let settled = false;
  const settle = (how: () => void): void => {
    settled = true;
    cancel();
    unwatch();
    how();
    over.abort(new ConnectionClosedError('another host has answered'));
  };
  const tryNext = (): void => {
    cancel();
    const endpoint = endpoints[next++];
    if (!endpoint) return;
    running++;
    cancel = options.clock.after(HEAD_START, tryNext);
    connectTo(endpoint, options, over.signal).then(
      (link) => {
        if (settled) link.leave('another host was faster');
        else settle(() => resolve(link));
      },
      (error: unknown) => {
        running--;
        if (settled) return;
        // An error of the options concerns every host.
        const last = running === 0 && next >= endpoints.length;
        if (stop.aborted || last || error instanceof ConfigurationError) settle(() => reject(error));
        else tryNext();
      },
    );
  };
  tryNext();
  return promise;
}

/** The resolver is user code and may take for ever. */
function findEndpoints(options: ResolvedOptions, stop: AbortSignal): Promise<Endpoint[]> {
  const { clock, random, urls, connectTimeout: timeout = DEFAULT_CONNECT_TIMEOUT } = options;
  const late = `urls: the function did not find any broker within ${timeout} ms`;
  return within(resolveEndpoints(urls, random), clock, { timeout, signal: stop }, late);
}

/** All hosts of a round get the same credentials. */
async function findCredentials(options: ResolvedOptions, signal: AbortSignal): Promise<RoundOptions> {
  const { clock, credentials, connectTimeout: timeout = DEFAULT_CONNECT_TIMEOUT } = options;
  if (typeof credentials !== 'function') return { ...options, credentials, provided: undefined };
  const provided = await fetchCredentials(credentials, clock, { timeout, signal });
  return { ...options, credentials: undefined, provided };
}

function inOrder(endpoints: readonly Endpoint[], former: Former | undefined): readonly Endpoint[] {
  if (!former) return endpoints;
  const isFormer = (endpoint: Endpoint): boolean => addressOf(endpoint) === addressOf(former.endpoint);
  const [same, others] = [endpoints.filter(isFormer), endpoints.filter((endpoint) => !isFormer(endpoint))];
  return former.turn === 'first' ? [...same, ...others] : [...others, ...same];
}

async function connectTo(endpoint: Endpoint, options: RoundOptions, stop: AbortSignal): Promise<Link> {
  stop.throwIfAborted();
  const timeout = options.connectTimeout ?? endpoint.query.connectionTimeout ?? DEFAULT_CONNECT_TIMEOUT;
  const deadline = new AbortController();
  const cancel = options.clock.after(timeout, () => {
    deadline.abort(new TimeoutError(`${addressOf(endpoint)} did not complete the handshake within ${timeout} ms`));
  });
  const unwatch = onAbort(stop, () => deadline.abort(stop.reason));
  try {
    return await Link.open(endpoint, options, deadline.signal);
  } finally {
    cancel();
    unwatch();
  }
}
