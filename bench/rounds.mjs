import { loadavg } from 'node:os';
import { clientsOf } from './clients.mjs';
import { start } from './processes.mjs';

/** Default warm-up as a part of the measured time. Nest's levels have more code to compile. */
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
      for (let turn = 0; turn < (measured.turns ?? 1); turn++) {
        for (const [client, module] of inTurn(clientsOf(measured, options.clients), round + turn)) {
          progress(`${name} · round ${round}/${options.rounds} · ${measured.name} · ${client}`);
          const sample = await measure(target, measured, client, module, options);
          if (sample.messages > 0) {
            samples.push({ case: measured.name, client, round: `${round}.${turn}`, load: loadavg()[0], ...sample });
          } else {
            console.error(
              `${measured.name}, ${client}: no message within ${options.duration} ms, so this round has no figure`,
            );
          }
        }
      }
    }
  }
  progress('');
  return samples;
}

async function measure(target, measured, client, file, options) {
  const duration = options.duration;
  const warmUp = options['warm-up'] ?? duration * (WARM_UP_PART[measured.level] ?? WARM_UP_PART.core);
  const { place, stop } = await target.open(measured, (warmUp + duration) / 1_000);
  try {
    const plan = { ...place, duration, warmUp };
    const profile = options['cpu-prof']
      ? ['--cpu-prof', `--cpu-prof-dir=${options.out}`, `--cpu-prof-name=${measured.name}.${client}.cpuprofile`]
      : [];
    const module = new URL(file, import.meta.url).href;
    const run = async (itsPlan) => {
      const nodeOptions = [...(measured.nodeOptions ?? []), ...profile];
      const worker = start('work/main.mjs', { module, case: measured, plan: itsPlan }, nodeOptions);
      const result = await worker.message(warmUp + duration + GRACE);
      await worker.ended();
      return result;
    };
    if (measured.work !== 'idle') return await run(plan);
    return perConsumer(await run({ ...plan, queues: plan.queues.slice(0, 1) }), await run(plan));
  } finally {
    await stop();
  }
}

/** Returns what one consumer takes, from an application with a single consumer and one with many. */
function perConsumer(one, many) {
  const consumers = many.messages - one.messages;
  const difference = (metric) => (many[metric] - one[metric]) / consumers;
  return { messages: consumers, heap: difference('heap'), resident: difference('resident') };
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
