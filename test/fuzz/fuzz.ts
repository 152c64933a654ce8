import { Script, createContext } from 'node:vm';
import { seededRandom } from '../support/random.js';
import { mutate, split } from './mutations.js';
import type { FuzzTarget } from './target.js';

export interface FuzzOptions {
  readonly seconds: number;
  /** Executions after which the run ends early. Default: no limit. */
  readonly executions?: number;
  /** The same seed and target give the same inputs in the same order. */
  readonly seed: number;
  /** Bytes by which the process may grow. Default 256 MiB. */
  readonly memory?: number;
  /** Seconds until memory is measured first: the code that the first inputs load is no leak. Default 2. */
  readonly warmUp?: number;
  /** Milliseconds that one input may take, or one batch of them. Default: the target's deadline, or 5,000. */
  readonly deadline?: number;
  /** Called about once a second. */
  readonly onProgress?: (executions: number, seconds: number) => void;
}

export interface FuzzFailure {
  readonly target: string;
  readonly execution: number;
  readonly chunks: readonly Buffer[];
  readonly error: unknown;
}

export interface FuzzReport {
  readonly executions: number;
  readonly seconds: number;
  /** The first failure, which ends the run. */
  readonly failure: FuzzFailure | undefined;
}

/** The default of `FuzzTarget.deadline`. */
const DEADLINE = 5_000;

/** Executions between two looks at the clock, where the outcome is no promise. */
const BATCH = 100;
/** Rounds of the loop between two looks at memory: a look takes as long as some inputs. */
const ROUNDS = 10;

/**
 * Runs a target on mutated inputs until the time is over or an input fails: the target throws, takes longer than its
 * deadline, or the process grows beyond its bound. The inputs include all split points of the corpus.
 */
export async function fuzz(target: FuzzTarget, options: FuzzOptions): Promise<FuzzReport> {
  const {
    seconds,
    seed,
    memory = 256 * 1024 * 1024,
    warmUp = 2,
    executions: most = Infinity,
    deadline = target.deadline ?? DEADLINE,
    onProgress,
  } = options;
  const started = performance.now();
  const elapsed = (): number => (performance.now() - started) / 1_000;
  const inputs = inputsFor(target, seed);
  let [executions, shown] = [0, 0];
  let bound = Infinity;
  let chunks: readonly Buffer[] = [];
  const failed = (error: unknown): FuzzReport => {
    const failure = {
      target: target.name,
      execution: executions,
      chunks: chunks.map((part) => Buffer.from(part)),
      error,
    };
    return { executions, seconds: elapsed(), failure };
  };
  /** Runs a batch of inputs, or a single input if the target returns a promise. */
  const batch = (): void | Promise<void> => {
    for (let turn = 0; turn < BATCH && executions < most; turn++) {
      executions++;
      chunks = inputs.next().value;
      const done = target.run(chunks);
      if (done) return done;
    }
  };
  for (let rounds = 0; elapsed() < seconds && executions < most; rounds++) {
    try {
      await inTime(interruptible(batch, deadline), deadline);
    } catch (error) {
      return failed(error);
    }
    if (rounds % ROUNDS > 0) continue;
    if (bound === Infinity && elapsed() >= warmUp) bound = process.memoryUsage.rss() + memory;
    const rss = process.memoryUsage.rss();
    if (rss > bound) return failed(new Error(`the process has grown to ${rss} bytes; ${bound} were allowed`));
    if (elapsed() - shown >= 1) {
      shown = elapsed();
      onProgress?.(executions, shown);
    }
  }
  return { executions, seconds: elapsed(), failure: undefined };
}

/** Runs one input as `fuzz` does. @throws the error that `fuzz` reports */
export async function replay(
  target: FuzzTarget,
  chunks: readonly Buffer[],
  deadline = target.deadline ?? DEADLINE,
): Promise<void> {
  await inTime(
    interruptible(() => target.run(chunks), deadline),
    deadline,
  );
}

/** Yields split points of the corpus and mutations by turns, so that a short run has both. */
function* inputsFor({ corpus }: FuzzTarget, seed: number): Generator<readonly Buffer[], never> {
  const splits = everySplit(corpus);
  for (let n = 0; ; n++) {
    const next = splits.next();
    if (!next.done) yield next.value;
    const random = seededRandom(Math.imul(seed + 1, 0x9e37_79b1) ^ n);
    const bytes = mutate(corpus, random);
    yield split(bytes, random);
  }
}

function* everySplit(corpus: readonly Buffer[]): Generator<readonly Buffer[], void> {
  for (const bytes of corpus) {
    for (let at = 0; at <= bytes.length; at++) yield [bytes.subarray(0, at), bytes.subarray(at)];
  }
}

const loop = new Script('run()');
/** One context for all inputs: creating a context takes as long as a short input. */
const context = createContext({ run: () => undefined });

/** Calls `run` and ends it after `timeout` ms, so that the fuzzer reports an endless loop, too. */
function interruptible(run: () => void | Promise<void>, timeout: number): void | Promise<void> {
  context['run'] = run;
  try {
    return loop.runInContext(context, { timeout }) as void | Promise<void>;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    throw code === 'ERR_SCRIPT_EXECUTION_TIMEOUT' ? new Error(`not done within ${timeout} ms`) : error;
  }
}

async function inTime(done: void | Promise<void>, deadline: number): Promise<void> {
  if (!done) return;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`neither resolved nor rejected within ${deadline} ms`)), deadline);
  });
  try {
    await Promise.race([done, late]);
  } finally {
    clearTimeout(timer);
  }
}
