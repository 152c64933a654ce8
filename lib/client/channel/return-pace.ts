import { Backoff, type Random } from '../../environment/index.js';
import type { ChannelError, ConnectionError } from '../errors.js';

/** ms that a channel has to stay open to have been restored with success. */
const STABLE_TIME = 2_000;

/** ms: waits before a channel is restored that was closed soon after its last restore. */
const RETURN_DELAY = { first: 50, max: 2_000 } as const;

/** Errors in a row that have a line in the log: those that follow say the same. */
const LOGGED_ERRORS = 3;

/** The next step of a channel that the broker has closed. */
export interface Return {
  /** ms to wait before the channel is restored. Undefined: it closes. */
  readonly delay: number | undefined;
  /** For the log. Undefined: enough was said. */
  readonly line: string | undefined;
}

/**
 * Decides when a channel comes back that the broker has closed for an error which no call or publish was told. At once the
 * first time; one that is closed again soon after it has come back waits longer each time, and closes in the end.
 *
 * A publish without confirms, to a missing exchange, is such an error, too: nobody waits for its outcome. But its exchange may be
 * declared later, and the channel's other publishes are in order. So it makes the channel wait, and never ends it.
 */
export class ReturnPace {
  /** Clock time, ms. */
  private openSince = -Infinity;
  private inRow = 0;
  /** Of those in a row: those that are not for a publish of the channel's own. */
  private counted = 0;
  private readonly backoff: Backoff;

  /** @param attempts `restoreAttempts` of the channel */
  constructor(
    private readonly attempts: number,
    random: Pick<Random, 'next'>,
  ) {
    this.backoff = new Backoff(RETURN_DELAY.first, RETURN_DELAY.max, random);
  }

  /** The channel is open. @param now clock time, ms */
  opened(now: number): void {
    this.openSince = now;
  }

  /** The broker has closed the channel with this error. @param now clock time, ms */
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
