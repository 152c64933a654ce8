/** A clock, passed in wherever time is needed, so that tests and simulations control it. All times in ms. */
export interface Clock {
  /** Monotonic, ms. */
  now(): number;
  /** Wall-clock time, ms since 1970. */
  wallTime(): number;
  /**
   * Calls `run` once after `delay` ms; never for Infinity. A delay beyond the limit of Node's timers (2^31-1 ms) is
   * divided. The wait keeps the process alive unless `keepAlive` is false. Returns the function that cancels it.
   */
  after(delay: number, run: () => void, options?: { readonly keepAlive?: boolean }): () => void;
  /** Runs `run` after the I/O events that already wait have been handled (setImmediate). */
  afterPendingEvents(run: () => void): void;
}

/** The longest delay of a Node timer in ms; Node fires a longer timer after 1 ms. */
const LONGEST_TIMER = 0x7fff_ffff;

/** The system's clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallTime: () => Date.now(),
  after(delay, run, { keepAlive = true } = {}) {
    if (delay === Infinity) return () => {};
    let timer: NodeJS.Timeout;
    const wait = (left: number): void => {
      timer =
        left > LONGEST_TIMER ? setTimeout(() => wait(left - LONGEST_TIMER), LONGEST_TIMER) : setTimeout(run, left);
      if (!keepAlive) timer.unref();
    };
    wait(delay);
    return () => clearTimeout(timer);
  },
  afterPendingEvents(run) {
    setImmediate(run);
  },
};
