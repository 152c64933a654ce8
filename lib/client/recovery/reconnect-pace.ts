import { Backoff, type Random } from '../../environment/index.js';
import { reconnectDefaults, type ReconnectOptions } from '../link/connection-options.js';
import { ConnectionForcedError, ConnectionLostError, InternalError, TimeoutError } from '../errors.js';

/** Time in ms for which a connection must stay open to count as a success. */
export const STABLE_TIME = 2_000;

/**
 * Maximum wait in ms between attempts while no broker answers. Such attempts cost a broker nothing, and a returned
 * broker is used soon.
 */
const SOON = 1_500;

/**
 * Decides how long a connection waits before each attempt to reconnect. Waits double, and each is drawn with full jitter:
 *
 * - up to 1.5 s while no broker answers (refused by the kernel, no route, no name, hung up, starting);
 * - up to `maxDelay` after a broker has answered without success: a refused login, a loss right after the handshake.
 *
 * Both start again from the shortest wait after a connection has stayed open for `STABLE_TIME`.
 */
export class ReconnectPace {
  private readonly soon: Backoff;
  private readonly patient: Backoff;
  private readonly limit: number;
  private made = 0;

  constructor(options: ReconnectOptions, random: Pick<Random, 'next'>) {
    const {
      initialDelay = reconnectDefaults.initialDelay,
      maxDelay = reconnectDefaults.maxDelay,
      attempts = Infinity,
    } = options;
    this.soon = new Backoff(initialDelay, Math.min(maxDelay, SOON), random);
    this.patient = new Backoff(initialDelay, maxDelay, random);
    this.limit = attempts;
  }

  /** Attempts since a connection was stable. */
  get attempts(): number {
    return this.made;
  }

  /** True if no attempt is left. */
  get spent(): boolean {
    return this.made >= this.limit;
  }

  /** Records the start of an attempt. */
  begin(): void {
    this.made++;
  }

  /** @returns ms to wait after the loss of a connection that was open for `openFor` ms */
  afterLoss(openFor: number): number {
    if (openFor < STABLE_TIME) return this.patient.next();
    this.made = 0;
    this.soon.reset();
    this.patient.reset();
    return this.soon.next();
  }

  /** @returns ms to wait after an attempt with this error */
  afterFailure(error: unknown): number {
    return nobodyAnswers(error) ? this.soon.next() : this.patient.next();
  }
}

/** Returns true if no broker has handled the attempt, or the broker is starting or stopping. */
function nobodyAnswers(error: unknown): boolean {
  return (
    error instanceof ConnectionLostError ||
    error instanceof TimeoutError ||
    error instanceof InternalError ||
    error instanceof ConnectionForcedError
  );
}
