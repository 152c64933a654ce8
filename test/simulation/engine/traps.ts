/**
 * Sets traps on all functions for real time or real randomness. A call from `lib/` or `src/` is reported to `onLeak`, and the
 * real function still runs. The tools of the test, such as Jest, may use these functions.
 *
 * @param others other files that are watched, too
 */
export function setTraps(onLeak: (what: string) => void, others?: RegExp): () => void {
  const undo: (() => void)[] = [];
  const trap = <O extends object>(owner: O, name: keyof O & string, label: string): void => {
    const real = owner[name] as unknown as (...args: unknown[]) => unknown;
    const watched = function (this: unknown, ...args: unknown[]): unknown {
      const caller = callerInProduct(others);
      if (caller !== undefined) onLeak(`${label} by ${caller}`);
      return real.apply(this === watched ? undefined : this, args);
    };
    try {
      owner[name] = watched as unknown as O[keyof O & string];
      undo.push(() => {
        owner[name] = real as unknown as O[keyof O & string];
      });
    } catch {
      // The function is not writable in this runtime, so it cannot be watched.
    }
  };
  trap(globalThis, 'setTimeout', 'setTimeout');
  trap(globalThis, 'setInterval', 'setInterval');
  trap(globalThis, 'setImmediate', 'setImmediate');
  trap(Math, 'random', 'Math.random');
  trap(Date, 'now', 'Date.now');
  trap(performance, 'now', 'performance.now');
  trap(AbortSignal, 'timeout', 'AbortSignal.timeout');
  return () => {
    for (const again of undo.reverse()) again();
  };
}

/** Returns the stack frame right above the trap, if it is code of the product. */
function callerInProduct(others: RegExp | undefined): string | undefined {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 3;
  const [, , , frame = ''] = (new Error('where').stack ?? '').split('\n');
  Error.stackTraceLimit = stackTraceLimit;
  const [, place] = /((?:lib|src)\/(?!.*node_modules).*?:\d+)/.exec(frame.replaceAll('\\', '/')) ?? [];
  if (others?.test(frame)) return frame.trim();
  return frame.includes('/test/') ? undefined : place;
}
