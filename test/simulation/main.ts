/**
 * `npm run simulate -- --seeds 1000`: runs seeds until one fails; see README.md beside this file for all options.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { shapeOf, shrink } from './engine/shrink.js';
import type { RunOptions, Violation } from './engine/world.js';
import { Figures } from './figures.js';
import { replayOf, report } from './report.js';
import { worldNamed } from './worlds.js';
import type { FromWorker, ToWorker } from './worker.js';

const { values } = parseArgs({
  options: {
    world: { type: 'string', default: 'core' },
    seed: { type: 'string' },
    seeds: { type: 'string' },
    seconds: { type: 'string' },
    from: { type: 'string' },
    jobs: { type: 'string', default: '1' },
    only: { type: 'string' },
    except: { type: 'string' },
    trace: { type: 'boolean', default: false },
    'keep-going': { type: 'boolean', default: false },
    'no-shrink': { type: 'boolean', default: false },
    quiet: { type: 'boolean', default: false },
  },
});

function whole(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < 0) throw new Error(`--${name} must be a whole number`);
  return number;
}

const world = worldNamed(values.world);
const named = (list: string | undefined): ReadonlySet<string> | undefined => list === undefined ? undefined : new Set(list.split(',')); // prettier-ignore
const [only, except] = [named(values.only), named(values.except)];
const options: RunOptions = {
  trace: values.trace ? 'all' : 'end',
  ...(only ? { only } : {}),
  ...(except ? { except } : {}),
};

/** A run makes many short-lived objects. A larger young generation needs fewer collections. */
const NODE_OPTIONS = ['--max-semi-space-size=64'];

/** Runs one seed and prints its whole trace. */
async function one(seed: number): Promise<void> {
  const scenario = world.generate(seed);
  const [first, second] = [await world.run(scenario, options), await world.run(scenario, options)];
  if (first.hash !== second.hash) {
    console.log(
      `seed ${seed} is not deterministic: ${first.hash}, ${second.hash}\nagain: ${replayOf(world.name, seed)}`,
    );
    process.exitCode = 1;
  }
  if (!first.violation) {
    if (values.trace) console.log(first.lines.join('\n'));
    console.log(`seed ${seed}: nothing failed; trace ${first.hash}`);
    return;
  }
  process.exitCode = 1;
  const shrunk = values['no-shrink'] ? { scenario, result: first, runs: 0 } : await shrink(world, scenario, options);
  const steps = `${scenario.steps.length} steps, shrunk to ${shrunk.scenario.steps.length} in ${shrunk.runs} runs`;
  console.log(`${report(world.name, shrunk.scenario, shrunk.result, values.trace)}\n(${steps})`);
}

/** Seeds between two lines of progress, without a terminal. */
const LINE_EVERY = 500;

/** Runs many seeds in worker processes. */
async function many(): Promise<void> {
  const seconds = whole('seconds', values.seconds) ?? Infinity;
  const total = whole('seeds', values.seeds) ?? (seconds === Infinity ? 1_000 : Infinity);
  // Each run has new seeds, unless `--from` is given.
  const from = whole('from', values.from) ?? Math.floor(Date.now() / 1000) * 1_000;
  const jobs = Math.max(1, whole('jobs', values.jobs) ?? 1);
  const figures = new Figures();
  const failures: { readonly seed: number; readonly invariant: string; readonly what: string }[] = [];
  const done = (): boolean => figures.seeds >= total || figures.seconds >= seconds || (failures.length > 0 && !values['keep-going']); // prettier-ignore
  let next = from;
  const batch = (): ToWorker | undefined => {
    const left = from + total - next;
    if (done() || left <= 0) return undefined;
    const count = Math.min(20, left);
    next += count;
    return { world: world.name, from: next - count, count, only: values.only, except: values.except };
  };
  let nextLine = LINE_EVERY;
  const progress = (): void => {
    if (values.quiet) return;
    const line = `${figures.line()}${failures.length > 0 ? `, ${failures.length} failed` : ''}`;
    if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${line}`);
    else if (figures.seeds >= nextLine) {
      nextLine += LINE_EVERY;
      console.log(line);
    }
  };
  const fail = (seed: number, violation: Violation): void => {
    failures.push({ seed, ...violation });
    // The line comes at once, since the run may take hours.
    if (values['keep-going'] && !values.quiet) console.log(`seed ${seed}: ${violation.invariant}: ${violation.what.split('\n')[0]}`); // prettier-ignore
  };
  const workOff = (worker: ChildProcess): Promise<void> =>
    new Promise((resolve, reject) => {
      const give = (): void => {
        const work = batch();
        if (work) worker.send(work);
        else worker.disconnect();
      };
      worker.on('message', (results: FromWorker) => {
        figures.cpu += results.cpu;
        for (const { virtualTime, counts, seed, violation } of results.runs) {
          figures.add(virtualTime, counts);
          if (violation) fail(seed, violation);
        }
        progress();
        give();
      });
      worker.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`a worker ended with ${code}`))));
      give();
    });
  const script = fileURLToPath(new URL('worker.js', import.meta.url));
  await Promise.all(Array.from({ length: jobs }, () => workOff(fork(script, { execArgv: NODE_OPTIONS }))));
  if (process.stderr.isTTY && !values.quiet) process.stderr.write('\r\u001b[K');
  if (!values.quiet) console.log(figures.table());
  console.log(`${figures.line()}, from seed ${from}`);
  if (failures.length === 0) return;
  process.exitCode = 1;
  const kinds = new Map<string, typeof failures>();
  for (const failure of failures) {
    const kind = `${failure.invariant}: ${shapeOf(failure.what)}`;
    kinds.set(kind, [...(kinds.get(kind) ?? []), failure]);
  }
  const sorted = [...kinds].sort(([, one], [, other]) => other.length - one.length);
  for (const [, [first, ...more]] of sorted) {
    console.log(`${1 + more.length} × ${first!.invariant}: ${first!.what.split('\n')[0]}\n     seeds ${[first!, ...more].slice(0, 8).map(({ seed }) => seed).join(', ')}; again: ${replayOf(world.name, first!.seed)}`); // prettier-ignore
  }
  if (!values['keep-going']) await one(failures[0]!.seed);
}

const seed = whole('seed', values.seed);
if (seed === undefined) await many();
else await one(seed);
