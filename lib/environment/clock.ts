/** Time, handed in wherever it is needed, so that tests and simulations can turn it. Milliseconds throughout. */
export interface Clock {
  /** Monotonic, ms. */
  now(): number;
  /** Wall-clock time, ms since 1970. */
  wallTime(): number;
  /**
   * Runs `run` once, `delay` ms from now. Infinity: never. A delay longer than a Node timer holds (2^31-1 ms) is waited for in pieces.
   * The wait keeps the process alive unless `keepAlive` is false. Returns the function that cancels it.
   */
  after(delay: number, run: () => void, options?: { readonly keepAlive?: boolean }): () => void;
  /** Runs `run` after the I/O events that already wait have been handled (setImmediate). */
  afterPendingEvents(run: () => void): void;
}

/** The longest delay that a Node timer holds, ms: it takes a longer one for 1 ms. */
const LONGEST_TIMER = 0x7fff_ffff;

/** The machine's time. */
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
