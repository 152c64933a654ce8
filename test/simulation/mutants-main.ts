/**
 * `npm run simulate:mutants [-- --only 3,17-20] [--write]`: plants each defect of mutants.ts into a copy of the tree, and tells how
 * many seeds and seconds the simulation takes to find it. A seed counts when it fails with the defect and not without. Exits
 * with 1 when a defect is not found within `--limit` seconds (60) of one processor, or when the text that it replaces is not
 * in its file any more. `--from` is the first seed; `--write` puts what was run into the table of docs/reliability.md.
 */
import { fork, spawnSync, type ChildProcess } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { transformSync, type Options } from '@swc/core';
import { mutants as coreMutants } from './mutants.js';
import { mutants as nestMutants } from './nest/mutants.js';
import { plant, type Mutant } from './mutant.js';
import { withResults, type MutantResult } from './mutants-table.js';
import { shapeOf } from './engine/shrink.js';
import type { Violation } from './engine/world.js';
import type { FromWorker } from './worker.js';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    limit: { type: 'string', default: '60' },
    from: { type: 'string', default: '1' },
    world: { type: 'string', default: 'core' },
    write: { type: 'boolean', default: false },
  },
});
const TABLE = 'docs/reliability.md';
/** Options for compiling one file as `tsconfig.json` does. */
const SWC: Options = {
  swcrc: false,
  jsc: {
    target: 'es2023',
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true, verbatimModuleSyntax: true },
    keepClassNames: true,
  },
  module: { type: 'es6' },
};
const limit = Number(values.limit) * 1000;
const mutants = values.world === 'nest' ? nestMutants : coreMutants;
const BATCH = 10;

/** Folder of this program's compiled form, with all that it runs. */
const COMPILED = '.build/simulation';

/** A copy of the compiled tree, with a process that runs seeds in it. */
class Tree {
  private worker: ChildProcess | undefined;

  constructor(readonly folder: string) {
    for (const part of [COMPILED, 'package.json']) cpSync(part, join(folder, part), { recursive: true });
    symlinkSync(join(process.cwd(), 'node_modules'), join(folder, 'node_modules'));
  }

  /** Replaces a file. Types are not checked. */
  plant(file: string, text: string): void {
    this.stop();
    const { code } = transformSync(text, SWC);
    writeFileSync(join(this.folder, COMPILED, file.replace(/\.ts$/, '.js')), code);
  }

  run(from: number, count: number): Promise<FromWorker> {
    this.worker ??= fork(join(this.folder, '.build/simulation/test/simulation/worker.js'), { silent: true });
    const { worker } = this;
    return new Promise((resolve, reject) => {
      const ended = (code: number | null): void => reject(new Error(`the worker ended with ${code}`));
      worker.once('exit', ended);
      worker.once('message', (results: FromWorker) => {
        worker.off('exit', ended);
        resolve(results);
      });
      worker.send({ world: values.world, from, count });
    });
  }

  /** Stops the process, and with it any endless run. */
  stop(): void {
    this.worker?.removeAllListeners();
    this.worker?.kill('SIGKILL');
    this.worker = undefined;
  }
}

const home = mkdtempSync(join(tmpdir(), 'simulate-mutants-'));
const trees: Tree[] = [];
const newTree = (name: string): Tree => {
  const folder = join(home, name);
  mkdirSync(join(folder, 'test'), { recursive: true });
  const tree = new Tree(folder);
  trees.push(tree);
  return tree;
};
process.once('exit', () => {
  for (const tree of trees) tree.stop();
  rmSync(home, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

/** The results without a defect: whether each seed fails, from the first on, and all kinds of failures. */
const failsAnyway: boolean[] = [];
const kindsAnyway = new Set<string>();
const start = Number(values.from);
/** Time after which a batch counts as endless, ms. */
const PATIENCE = 180_000;

const kindOf = ({ invariant, what }: Violation): string => `${invariant}: ${shapeOf(what)}`;

async function runSound(sound: Tree, upTo: number): Promise<void> {
  while (failsAnyway.length < upTo) {
    for (const { violation } of (await sound.run(start + failsAnyway.length, BATCH)).runs) {
      failsAnyway.push(violation !== undefined);
      if (violation) kindsAnyway.add(kindOf(violation));
    }
  }
}

interface Found {
  readonly seeds: number;
  readonly seconds: number;
  readonly by: string | undefined;
}

/** Runs seeds until one fails with the defect that does not fail, or fails in another way, without it. */
async function hunt(sound: Tree, broken: Tree): Promise<Found> {
  let spent = 0;
  for (let seeds = 0; spent < limit; seeds += BATCH) {
    await runSound(sound, seeds + BATCH);
    const results = await inTime(broken.run(start + seeds, BATCH));
    if (typeof results === 'string') return { seeds: seeds + BATCH, seconds: spent / 1000, by: results };
    spent += results.cpu;
    for (const [index, { violation }] of results.runs.entries()) {
      if (!violation || (failsAnyway[seeds + index] && kindsAnyway.has(kindOf(violation)))) continue;
      return { seeds: seeds + index + 1, seconds: spent / 1000, by: kindOf(violation) };
    }
  }
  return { seeds: 0, seconds: spent / 1000, by: undefined };
}

/** Resolves with the promise's value, or with a text if it rejects or takes too long. */
function inTime<T>(promise: Promise<T>): Promise<T | string> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve('goes round for ever'), PATIENCE);
    promise.catch((error: unknown) => String(error)).then((result) => {
      clearTimeout(timer);
      resolve(result);
    }, () => {}); // prettier-ignore
  });
}

/** Reads the numbers of defects, from 1, such as `3,17-20`. */
function numbersIn(list: string): number[] {
  return list.split(',').flatMap((part) => {
    const [from = NaN, to = from] = part.split('-').map(Number);
    if (!(from >= 1 && to >= from && to <= mutants.length)) {
      throw new Error(`--only ${list}: the defects have the numbers 1 to ${mutants.length}`);
    }
    return Array.from({ length: to - from + 1 }, (_, index) => from + index);
  });
}

/** Writes the result into the document, formatted by Prettier. */
function write(result: MutantResult): void {
  writeFileSync(TABLE, withResults(readFileSync(TABLE, 'utf8'), String(values.world), mutants, [result]));
  spawnSync(join(process.cwd(), 'node_modules/.bin/prettier'), ['--write', TABLE], { stdio: 'pipe' });
}

const chosen = values.only === undefined ? mutants.map((_, index) => index + 1) : numbersIn(values.only);
// All defects are planted before the first run, so that one that no longer fits is reported at once.
const texts = chosen.map((number) => plant(mutants[number - 1]!, (file) => readFileSync(file, 'utf8')));
const sound = newTree('sound');
const broken = newTree('broken');
let missed = 0;
for (const [index, number] of chosen.entries()) {
  const mutant: Mutant = mutants[number - 1]!;
  const text = texts[index]!;
  broken.plant(mutant.file, text.broken);
  const { seeds, seconds, by } = await hunt(sound, broken);
  broken.plant(mutant.file, text.sound);
  if (by === undefined) missed++;
  if (values.write) write({ mutant, seeds, seconds, by, limit: limit / 1000 });
  const verdict = by === undefined ? 'NOT FOUND' : `${seeds} seeds, ${seconds.toFixed(1)} s`;
  console.log(`${String(number).padStart(3)}  ${verdict.padEnd(22)} ${mutant.why} (${mutant.file})`);
  if (by !== undefined) console.log(`${' '.repeat(28)}${by.slice(0, 160)}`);
}
console.log(`${chosen.length - missed} of ${chosen.length} found`);
process.exit(missed > 0 ? 1 : 0);
