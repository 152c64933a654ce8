interface Watch {
  readonly runs: Set<{ readonly run: () => void }>;
  readonly listener: () => void;
}

const watched = new WeakMap<AbortSignal, Watch>();

/**
 * Calls `run` when the signal is aborted. All waits for one signal share one listener: otherwise Node warns of a leak,
 * and each removal searches all listeners.
 *
 * @returns the function that cancels it
 */
export function onAbort(signal: AbortSignal, run: () => void): () => void {
  const watch = watched.get(signal) ?? begin(signal);
  const entry = { run };
  watch.runs.add(entry);
  return () => {
    if (!watch.runs.delete(entry) || watch.runs.size > 0) return;
    signal.removeEventListener('abort', watch.listener);
    if (watched.get(signal) === watch) watched.delete(signal);
  };
}

function begin(signal: AbortSignal): Watch {
  const runs: Watch['runs'] = new Set();
  const listener = (): void => {
    for (const { run } of runs) run();
  };
  const watch = { runs, listener };
  watched.set(signal, watch);
  signal.addEventListener('abort', listener, { once: true });
  return watch;
}
