import { TimeoutError } from '../../lib/client/index.js';
import { onAbort, untilAborted } from '../../lib/environment/index.js';
import { timeLimit, type Duration } from '../common/duration.js';
import type { Environment } from '../common/environment.js';
import type { ConnectionStatus } from './connection-status.js';

/** The limits of a call's wait for the broker. */
export interface BrokerWaitOptions {
  /**
   * Maximum time; then the call rejects with `TimeoutError`. Milliseconds or text such as `'5s'`; Infinity is no limit.
   * Default 30 s.
   */
  readonly timeout?: Duration | undefined;
  /** Ends the wait: the call rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** The connections of one name, as far as a deadline needs them. */
interface Waiting {
  readonly name: string;
  readonly environment: Pick<Environment, 'clock'>;
  readonly publishing: ConnectionStatus;
  readonly consuming: ConnectionStatus;
}

const DEFAULT_TIMEOUT = 30_000;

/**
 * Runs work that needs the broker, within the deadline of its caller.
 *
 * @param place the call, for errors: `AmqpTopology.declare()`
 * @param work gets a signal that is aborted when the wait ends: work that has not begun by then must not begin
 * @throws TimeoutError that says why the broker does not answer, the reason of the caller's signal, ConfigurationError, or
 * what `work` throws
 */
export async function withinDeadline<T>(
  place: string,
  connections: Waiting,
  options: BrokerWaitOptions,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const timeout = timeLimit(options.timeout ?? DEFAULT_TIMEOUT, `${place}: timeout`);
  const { signal } = options;
  signal?.throwIfAborted();
  const end = new AbortController();
  const late = (): void =>
    end.abort(new TimeoutError(`${place}: ${obstacle(connections)}, for ${timeout} ms (timeout)`));
  const cancel = connections.environment.clock.after(timeout, late);
  const unwatch = signal && onAbort(signal, () => end.abort(signal.reason));
  try {
    return await untilAborted(work(end.signal), end.signal);
  } finally {
    cancel();
    unwatch?.();
  }
}

/** Returns the reason why the broker does not answer, as health shows it. */
function obstacle({ name, publishing, consuming }: Waiting): string {
  for (const [purpose, { state, reason }] of [
    ['consuming', consuming],
    ['publishing', publishing],
  ] as const) {
    if (state === 'open') continue;
    return `the ${purpose} connection '${name}' is ${state}${reason === undefined ? '' : ` (${reason})`}`;
  }
  return `the broker has not answered on connection '${name}'`;
}
