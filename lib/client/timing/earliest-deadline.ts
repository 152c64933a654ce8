import { DeadlineTimer, type Clock } from '../../environment/index.js';
import { TimeoutError } from '../errors.js';
import { Deferred } from './deferred.js';

/**
 * The deadline of a wait that several callers share, each with its own deadline. The earliest counts, even if it is set
 * last.
 */
export class EarliestDeadline {
  private readonly cut = new Deferred<never>();
  private readonly timer: DeadlineTimer;
  private over = false;

  constructor(
    private readonly clock: Clock,
    message: string,
  ) {
    this.timer = new DeadlineTimer(clock, () => {
      this.cut.reject(new TimeoutError(message));
      return Infinity;
    });
  }

  /** @param timeout ms from now */
  within(timeout: number): void {
    if (!this.over) this.timer.by(this.clock.now() + timeout);
  }

  /** Waits for the first of these promises, or the deadline. @throws TimeoutError when the deadline has passed */
  race<T>(...promises: readonly Promise<T>[]): Promise<T> {
    return Promise.race([...promises, this.cut.promise]);
  }

  /** Ends the wait. */
  end(): void {
    this.over = true;
    this.timer.stop();
  }
}
