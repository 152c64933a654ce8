/**
 * Traps on everything by which code reaches real time or real randomness. What is called from `lib/` or `src/` while they are
 * set is told to `onLeak`; the real function runs all the same. The tools of the test, Jest among them, may go on using them.
 *
 * @param others files of others that are watched as well
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
      // Not writable in this runtime: then it cannot be watched.
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

/** The frame right above the trap, if it is code of the product. */
function callerInProduct(others: RegExp | undefined): string | undefined {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 3;
  const [, , , frame = ''] = (new Error('where').stack ?? '').split('\n');
  Error.stackTraceLimit = stackTraceLimit;
  const [, place] = /((?:lib|src)\/(?!.*node_modules).*?:\d+)/.exec(frame.replaceAll('\\', '/')) ?? [];
  if (others?.test(frame)) return frame.trim();
  return frame.includes('/test/') ? undefined : place;
}
