/**
 * `npm run fuzz [-- --seconds 60 --seed N --target frames --coverage]` runs mutated recordings against the frame reader, field
 * tables, content headers and an embedded broker, and mutated sessions against a live client and an embedded broker.
 * `--coverage` prints the share of the lines of `lib/client` that ran. An input that fails is saved, and the exit code is 1;
 * `npm run fuzz -- --replay FILE` runs it again.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { LineCoverage } from './coverage.js';
import { fuzz, replay, type FuzzFailure } from './fuzz.js';
import type { FuzzTarget } from './target.js';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    target: { type: 'string' },
    replay: { type: 'string' },
    coverage: { type: 'boolean', default: false },
  },
});
// The coverage starts before the code that it measures is loaded.
const coverage = values.coverage ? await LineCoverage.start() : undefined;
const [{ brokerTarget }, { clientTarget }, { protocolTargets }, { sessionTarget }] = await Promise.all([
  import('./broker-target.js'),
  import('./client-target.js'),
  import('./protocol-targets.js'),
  import('./session-target.js'),
]);
const open = [brokerTarget(), sessionTarget()];
const targets = [...protocolTargets(), clientTarget(), ...open];

interface Saved {
  readonly target: string;
  readonly chunks: readonly string[];
}

function named(name: string): FuzzTarget {
  const target = targets.find((other) => other.name === name);
  if (!target) throw new Error(`no target '${name}'; there are: ${targets.map((other) => other.name).join(', ')}`);
  return target;
}

async function save({ target, chunks, execution }: FuzzFailure): Promise<string> {
  const folder = '.build/fuzz-failures';
  await mkdir(folder, { recursive: true });
  const file = `${folder}/${target}-${values.seed}-${execution}.json`;
  const saved: Saved = {
    target,
    chunks: chunks.map((chunk) => chunk.toString('base64')),
  };
  await writeFile(file, JSON.stringify(saved));
  return file;
}

if (values.replay !== undefined) {
  const saved = JSON.parse(await readFile(values.replay, 'utf8')) as Saved;
  await replay(named(saved.target), saved.chunks.map((chunk) => Buffer.from(chunk, 'base64'))); // prettier-ignore
  console.log('passed');
} else {
  const chosen = values.target === undefined ? targets : [named(values.target)];
  const seconds = Number(values.seconds) / chosen.length;
  if (!(seconds > 0)) throw new Error('--seconds must be a number above 0');
  const seed = Number(values.seed);
  if (!Number.isInteger(seed)) throw new Error('--seed must be a whole number');
  for (const target of chosen) {
    const report = await fuzz(target, {
      seconds,
      seed,
      onProgress: (executions, elapsed) => {
        const line = `${target.name}: ${executions} executions, ${Math.round(executions / elapsed)} a second`;
        if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${line}`);
      },
    });
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
    const rate = Math.round(report.executions / report.seconds);
    console.log(`${target.name}: ${report.executions} executions, ${rate} a second, seed ${values.seed}`);
    if (report.failure) {
      console.error(`${target.name}: execution ${report.failure.execution} failed:`, report.failure.error);
      console.error(`again: npm run fuzz -- --replay ${await save(report.failure)}`);
      process.exitCode = 1;
      break;
    }
  }
}
for (const target of open) await target.close();
if (coverage) console.log(await coverage.report('/lib/client/'));
