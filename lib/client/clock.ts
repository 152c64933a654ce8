/** Time, so that tests can turn it. Milliseconds throughout; `now` never runs backwards. */
export interface Clock {
  now(): number;
  /** Does not keep the process alive. Returns what ends it. */
  after(delay: number, run: () => void): () => void;
  /** After the events that already wait have been handled. */
  afterPendingEvents(run: () => void): void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  after(delay, run) {
    const timer = setTimeout(run, delay);
    timer.unref();
    return () => clearTimeout(timer);
  },
  afterPendingEvents(run) {
    setImmediate(run);
  },
};
