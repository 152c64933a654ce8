import { DeadlineTimer, type Clock } from '../../environment/index.js';
import { TimeoutError } from '../errors.js';
import { Deferred } from './deferred.js';

/** The deadline of one wait that several ask for, each with its own: the earliest counts, also when it comes last. */
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

  /** Waits for the first of these, or the deadline. @throws TimeoutError once it has passed */
  race<T>(...promises: readonly Promise<T>[]): Promise<T> {
    return Promise.race([...promises, this.cut.promise]);
  }

  /** Nobody waits any more. */
  end(): void {
    this.over = true;
    this.timer.stop();
  }
}
