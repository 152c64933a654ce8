import { clients } from './clients.mjs';
import { clientsOf } from './options.mjs';
import { start } from './processes.mjs';

/** Of the measured time; milliseconds. */
const WARM_UP_PART = 0.3;
/** Beyond the measured time, for start and counted runs; milliseconds. */
const GRACE = 60_000;

/**
 * Measures every case with every client, round by round: what the machine does besides falls on all of them.
 *
 * @param {string} name of the target
 * @param {import('./targets.mjs').Target} target
 * @param {ReturnType<typeof import('./options.mjs').readOptions>} options
 * @returns the samples, one for each case, client and round
 */
export async function measureRounds(name, target, options) {
  const samples = [];
  for (let round = 1; round <= options.rounds; round++) {
    for (const measured of options.cases) {
      for (const client of inTurn(clientsOf(measured, options.clients), round)) {
        progress(`${name} · round ${round}/${options.rounds} · ${measured.name} · ${client}`);
        const sample = await measure(target, measured, client, options);
        if (sample.messages > 0) samples.push({ case: measured.name, client, round, ...sample });
        else
          console.error(
            `${measured.name}, ${client}: no message in ${options.duration} ms, so no figure of this round`,
          );
      }
    }
  }
  progress('');
  return samples;
}

async function measure(target, measured, client, { duration, out, 'cpu-prof': profile }) {
  const { place, stop } = await target(measured);
  try {
    const plan = { ...place, duration, warmUp: duration * WARM_UP_PART };
    const nodeOptions = profile
      ? ['--cpu-prof', `--cpu-prof-dir=${out}`, `--cpu-prof-name=${measured.name}.${client}.cpuprofile`]
      : [];
    const module = new URL(clients[client], import.meta.url).href;
    const worker = start('work/main.mjs', { module, case: measured, plan }, nodeOptions);
    const result = await worker.message(duration + GRACE);
    await worker.ended();
    return result;
  } finally {
    await stop();
  }
}

/** Another one begins in each round. */
function inTurn(list, round) {
  const first = round % list.length;
  return [...list.slice(first), ...list.slice(0, first)];
}

/** One line that changes, or on anything but a terminal one for each step. */
function progress(line) {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001B[K${line}`);
  else if (line) process.stderr.write(`${line}\n`);
}
