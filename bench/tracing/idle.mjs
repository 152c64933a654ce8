/**
 * What tracing costs while nobody traces. Client and peer are in one process without a kernel between them, and a process gives
 * one figure for each build.
 *
 *     npm run build && npm run build:support && node bench/tracing/idle.mjs [--processes 20]
 *     node bench/tracing/idle.mjs --checkout <another checkout, built> [--processes 20]
 *
 * Without a checkout it compares the states of OpenTelemetry (`idle-turns.mjs`) with none, by one process of each in each
 * round. With a checkout, such as one without tracing channels, it compares the two builds, which take turns in one process;
 * the other build is the first one in every second process.
 *
 * Two processes of the same code differ by several percent, and so do two builds of the same code within one process, because
 * of what the compiler happens to inline. So only the median of many processes tells, and `none again` shows how far off it is.
 */
import { execFile } from 'node:child_process';
import { loadavg } from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';

const MILLISECONDS = '500';
const { checkout, processes } = parseArgs({
  options: { checkout: { type: 'string' }, processes: { type: 'string', default: '20' } },
}).values;
const program = fileURLToPath(new URL('idle-turns.mjs', import.meta.url));
const ours = resolve(import.meta.dirname, '../..');

/** ns per message of each build. */
async function measure(name, state, builds) {
  const { stdout } = await promisify(execFile)(process.execPath, [program, name, MILLISECONDS, state, ...builds]);
  return JSON.parse(stdout);
}

async function compareBuilds(name, other) {
  const builds = [ours, resolve(other)];
  const figures = await rounds(async (n) => {
    if (n % 2 === 0) return measure(name, 'none', builds);
    return (await measure(name, 'none', [...builds].reverse())).reverse();
  });
  print(name, 'this build', 'the other', figures);
}

async function compareStates(name) {
  const states = ['none', 'none again', 'disabled', 'unsampled', 'no SDK'];
  const figures = await rounds(async (n) => {
    const round = [];
    for (let place = 0; place < states.length; place++) {
      const index = (n + place) % states.length;
      [round[index]] = await measure(name, states[index].replace(' again', ''), [ours]);
    }
    return round;
  });
  for (let index = 1; index < states.length; index++) {
    const both = figures.map((round) => [round[index], round[0]]);
    print(name, states[index], 'none', both);
  }
}

async function rounds(round) {
  const figures = [];
  for (let n = 0; n < Number(processes); n++) figures.push(await round(n));
  return figures;
}

const quantile = (values, part) => [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * part)];

/** @param figures pairs of ns per message */
function print(name, one, other, figures) {
  const [a, b] = [0, 1].map((index) => {
    const values = figures.map((both) => both[index]);
    return quantile(values, 0.5).toFixed(1);
  });
  const ratios = figures.map(([mine, theirs]) => mine / theirs);
  const quartiles = [0.25, 0.75].map((part) => quantile(ratios, part).toFixed(3)).join('–');
  const ratio = `ratio ${quantile(ratios, 0.5).toFixed(3)} (quartiles ${quartiles})`;
  console.log(`${name}: ${one} ${a} ns, ${other} ${b} ns per message; ${ratio}`);
}

for (const name of ['publish', 'confirm', 'deliver', 'ack']) {
  await (checkout ? compareBuilds(name, checkout) : compareStates(name));
}
console.log(`${processes} processes each, load ${loadavg()[0].toFixed(1)}`);
