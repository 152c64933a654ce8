import { clientsOf } from './clients.mjs';
import { start } from './processes.mjs';

/** Warm-up as a part of the measured time. Nest's levels have more code to compile. */
const WARM_UP_PART = { core: 0.3, module: 1, transport: 1 };
/** Milliseconds beyond the measured time, for the start and for runs with a count. */
const GRACE = 60_000;

/**
 * Measures every case that the target takes with every client, round by round, so that other load on the machine affects all
 * clients.
 *
 * @param {string} name of the target
 * @param {import('./targets.mjs').Target} target
 * @param {ReturnType<typeof import('./options.mjs').readOptions>} options
 * @returns the samples, one per case, client and round
 */
export async function measureRounds(name, target, options) {
  const samples = [];
  for (let round = 1; round <= options.rounds; round++) {
    for (const measured of options.cases.filter((one) => target.takes(one))) {
      for (const [client, module] of inTurn(clientsOf(measured, options.clients), round)) {
        progress(`${name} · round ${round}/${options.rounds} · ${measured.name} · ${client}`);
        const sample = await measure(target, measured, client, module, options);
        if (sample.messages > 0) samples.push({ case: measured.name, client, round, ...sample });
        else
          console.error(
            `${measured.name}, ${client}: no message within ${options.duration} ms, so this round has no figure`,
          );
      }
    }
  }
  progress('');
  return samples;
}

async function measure(target, measured, client, file, { duration, out, 'cpu-prof': profile }) {
  const { place, stop } = await target.open(measured);
  try {
    const plan = { ...place, duration, warmUp: duration * WARM_UP_PART[measured.level ?? 'core'] };
    const nodeOptions = profile
      ? ['--cpu-prof', `--cpu-prof-dir=${out}`, `--cpu-prof-name=${measured.name}.${client}.cpuprofile`]
      : [];
    const module = new URL(file, import.meta.url).href;
    const worker = start('work/main.mjs', { module, case: measured, plan }, nodeOptions);
    const result = await worker.message(plan.warmUp + duration + GRACE);
    await worker.ended();
    return result;
  } finally {
    await stop();
  }
}

/** Rotates the list, so that each round starts with another client. */
function inTurn(list, round) {
  const first = round % list.length;
  return [...list.slice(first), ...list.slice(0, first)];
}

/** Shows a line of progress. On a terminal it replaces the line before. */
function progress(line) {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001B[K${line}`);
  else if (line) process.stderr.write(`${line}\n`);
}
