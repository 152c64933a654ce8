import { Backoff, type Random } from '../../environment/index.js';
import type { ChannelError, ConnectionError } from '../errors.js';

/** Time in ms for which a channel must stay open for its restore to count as a success. */
const STABLE_TIME = 2_000;

/** Waits in ms before the restore of a channel that was closed soon after its last restore. */
const RETURN_DELAY = { first: 50, max: 2_000 } as const;

/** Number of consecutive errors that are logged, since later ones say the same. */
const LOGGED_ERRORS = 3;

/** The next step of a channel that the broker has closed. */
export interface Return {
  /** Wait in ms before the channel is restored; undefined if it closes. */
  readonly delay: number | undefined;
  /** Line for the log; undefined if enough lines were logged. */
  readonly line: string | undefined;
}

/**
 * Decides when to restore a channel that the broker has closed with an error that no call or publish has got. The first
 * restore is immediate. A channel that is closed again soon after its restore waits longer each time, and closes in the
 * end.
 *
 * A publish without confirms to a missing exchange causes such an error, too, since nobody waits for its outcome. But
 * the exchange may be declared later, and other publishes of the channel are in order. So this error makes the channel
 * wait and never closes it.
 */
export class ReturnPace {
  /** Clock time, ms. */
  private openSince = -Infinity;
  private inRow = 0;
  /** Number of consecutive errors that no publish of the channel has caused. */
  private counted = 0;
  private readonly backoff: Backoff;

  /** @param attempts `restoreAttempts` of the channel */
  constructor(
    private readonly attempts: number,
    random: Pick<Random, 'next'>,
  ) {
    this.backoff = new Backoff(RETURN_DELAY.first, RETURN_DELAY.max, random);
  }

  /** Records that the channel is open. @param now clock time, ms */
  opened(now: number): void {
    this.openSince = now;
  }

  /** Records the broker's error, and decides the next step. @param now clock time, ms */
  after(error: ChannelError | ConnectionError, now: number): Return {
    if (now - this.openSince >= STABLE_TIME) {
      this.inRow = 0;
      this.counted = 0;
      this.backoff.reset();
    }
    this.inRow++;
    if (error.method !== 'basic.publish') this.counted++;
    if (this.counted > this.attempts) return { delay: undefined, line: undefined };
    const last = this.inRow === LOGGED_ERRORS ? '; further errors soon after a restore are not logged' : '';
    return {
      delay: this.inRow === 1 ? 0 : this.backoff.next(),
      line:
        this.inRow > LOGGED_ERRORS ? undefined : `the broker closed it, and it is opened anew: ${error.message}${last}`,
    };
  }
}
