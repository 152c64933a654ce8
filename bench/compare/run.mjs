/**
 * Compares the CPU time of two builds for one message of the Nest layer, in front of the sink. Builds nothing:
 *
 *     node bench/compare/run.mjs publish|options|exchange|emit <dist folder> <dist folder> [pairs of processes]
 *
 * A folder needs a `node_modules` above it that holds Nest. Each measurement has a process of its own, since two builds in one
 * process disturb what the compiler learns of each; the builds take turns.
 */
import { execFile } from 'node:child_process';
import { loadavg } from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const [name, one, other, pairs = '10'] = process.argv.slice(2);
if (!other) {
  console.error('Usage: node bench/compare/run.mjs publish|options|exchange|emit <dist folder> <dist folder> [pairs]');
  process.exit(2);
}
const program = fileURLToPath(new URL('turns.mjs', import.meta.url));
const builds = [resolve(one), resolve(other)];
const times = [[], []];
for (let pair = 0; pair < Number(pairs); pair++) {
  for (const index of pair % 2 === 0 ? [0, 1] : [1, 0]) {
    const { stdout } = await promisify(execFile)(process.execPath, [program, name, builds[index]]);
    times[index].push(Number(stdout));
  }
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const shown = (values, digits) =>
  `${median(values).toFixed(digits)} (${Math.min(...values).toFixed(digits)}–${Math.max(...values).toFixed(digits)})`;
const ratios = times[0].map((time, pair) => time / times[1][pair]);
console.log(
  `${name}: CPU µs per message ${shown(times[0], 2)}, other ${shown(times[1], 2)}; ratio ${shown(ratios, 3)}`,
);
console.log(
  `ratio of the least: ${(Math.min(...times[0]) / Math.min(...times[1])).toFixed(3)}; load ${loadavg()[0].toFixed(1)}`,
);
