/**
 * What the tracing channels cost while nobody subscribes, by a comparison with another checkout, such as one without them:
 *
 *     npm run build && npm run build:support && node bench/tracing/idle.mjs <checkout, built> [processes of each case]
 *
 * Client and peer are in one process, both builds take turns in it, and a process gives one ratio. Two builds of the same code
 * differ by several percent within one process, because of what the compiler happens to inline, so only the median of many
 * processes tells; the first build is the first one in every second process.
 */
import { execFile } from 'node:child_process';
import { loadavg } from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const [checkout, processes = '20'] = process.argv.slice(2);
if (!checkout) {
  console.error('Usage: node bench/tracing/idle.mjs <checkout> [processes of each case]');
  process.exit(2);
}
const MILLISECONDS = '500';
const program = fileURLToPath(new URL('idle-turns.mjs', import.meta.url));
const builds = [resolve(import.meta.dirname, '../..'), resolve(checkout)];

/** ns per message of our build and of the other one. */
async function measure(name, swapped) {
  const order = swapped ? [...builds].reverse() : builds;
  const { stdout } = await promisify(execFile)(process.execPath, [program, name, MILLISECONDS, ...order]);
  const figures = JSON.parse(stdout);
  return swapped ? figures.reverse() : figures;
}

const quantile = (values, part) => [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * part)];

for (const name of ['publish', 'confirm', 'deliver', 'ack']) {
  const figures = [];
  for (let n = 0; n < Number(processes); n++) figures.push(await measure(name, n % 2 === 1));
  const ratios = figures.map(([ours, other]) => ours / other);
  const [ours, other] = [0, 1].map((index) =>
    quantile(
      figures.map((both) => both[index]),
      0.5,
    ).toFixed(1),
  );
  const quartiles = [0.25, 0.75].map((part) => quantile(ratios, part).toFixed(3)).join('–');
  console.log(
    `${name}: ${ours} ns, other ${other} ns per message; ratio ${quantile(ratios, 0.5).toFixed(3)} (quartiles ${quartiles})`,
  );
}
console.log(`${processes} processes each, load ${loadavg()[0].toFixed(1)}`);
