/** Runs batches of seeds for its parent process, and ends when the parent disconnects. */
import { worldNamed } from './worlds.js';
import type { RunOptions, Violation } from './engine/world.js';

export interface ToWorker {
  readonly world: string;
  readonly from: number;
  readonly count: number;
  readonly only: string | undefined;
  readonly except: string | undefined;
}

export interface FromWorker {
  readonly runs: readonly {
    readonly seed: number;
    readonly virtualTime: number;
    readonly counts: Readonly<Record<string, number>>;
    readonly violation: Violation | undefined;
  }[];
  /** Time of the processor, ms. The clock would also count other work of the machine. */
  readonly cpu: number;
}

// Stack traces are half of the cost of the thousands of errors. `--seed` shows them.
Error.stackTraceLimit = 0;

process.on('message', (work: ToWorker) => void carryOut(work));

/** One seed in this many runs twice more, and must give the same result. */
const REPEATED = 50;

async function carryOut({ world: name, from, count, only, except }: ToWorker): Promise<void> {
  const world = worldNamed(name);
  const options: RunOptions = {
    trace: 'none',
    ...(only === undefined ? {} : { only: new Set(only.split(',')) }),
    ...(except === undefined ? {} : { except: new Set(except.split(',')) }),
  };
  const differs = async (seed: number): Promise<Violation | undefined> => {
    if (seed % REPEATED !== 0) return undefined;
    const again = { ...options, trace: 'end' } as const;
    const [one, two] = [await world.run(world.generate(seed), again), await world.run(world.generate(seed), again)];
    if (one.hash === two.hash) return undefined;
    return { invariant: 'nondeterminism', what: `two runs differ: ${one.hash}, ${two.hash}`, at: 0 };
  };
  const began = process.cpuUsage();
  const runs = [];
  // The parent may have been ended meanwhile.
  for (let seed = from; seed < from + count && process.connected; seed++) {
    const { virtualTime, counts, violation } = await world.run(world.generate(seed), options);
    runs.push({ seed, virtualTime, counts, violation: violation ?? (await differs(seed)) });
  }
  const { user, system } = process.cpuUsage(began);
  if (process.connected) process.send!({ runs, cpu: (user + system) / 1000 } satisfies FromWorker);
}
