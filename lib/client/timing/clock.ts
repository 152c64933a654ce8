/** Time, so that tests can turn it. Milliseconds throughout; `now` never runs backwards. */
export interface Clock {
  now(): number;
  /**
   * Keeps the process alive until it ran or was ended: a program that only consumes has nothing else while its
   * connection waits to reconnect, and would exit without a word. Returns what ends it.
   */
  after(delay: number, run: () => void): () => void;
  /** After the events that already wait have been handled. */
  afterPendingEvents(run: () => void): void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  after(delay, run) {
    const timer = setTimeout(run, delay);
    return () => clearTimeout(timer);
  },
  afterPendingEvents(run) {
    setImmediate(run);
  },
};
