import { parseArgs } from 'node:util';
import { cases } from './cases.mjs';
import { addBase, BASE, clientNames, OURS } from './clients.mjs';
import { targetNames } from './targets.mjs';

const usage = `npm run bench -- [case …] [options]

  --targets A,B     targets to measure the clients on (all): ${targetNames.join(', ')}
  --rounds N        number of rounds; each measures every case (5)
  --duration MS     length of one measurement, in ms (1500)
  --warm-up MS      time before each measurement, in ms (450 for the core, 1500 for Nest's levels: as --duration)
  --clients A,B     only these clients
  --base FOLDER     compare with another checkout of this repository (npm ci and npm run build there) in place of the peers
  --out FOLDER      folder for results.json and a chart per target (.build/bench)
  --check           exit with code 1 when a ratio misses its limit by more than 25 %
  --cpu-prof        keep a CPU profile of every client process, and a flame graph of it, in the output folder

cases: ${cases.map(({ name }) => name).join(' ')}
clients: ${clientNames.join(' ')}
AMQP_URL: the RabbitMQ to measure with, in place of a private one`;

/** Reads the command line. */
export function readOptions() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: 'string', default: '5' },
      duration: { type: 'string', default: '1500' },
      'warm-up': { type: 'string' },
      targets: { type: 'string', default: targetNames.join(',') },
      clients: { type: 'string' },
      base: { type: 'string' },
      out: { type: 'string', default: '.build/bench' },
      check: { type: 'boolean', default: false },
      'cpu-prof': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(usage);
    process.exit(0);
  }
  if (values.base) addBase(values.base);
  const clients = values.base ? [OURS, BASE] : clientNames;
  return {
    ...values,
    rounds: positive('--rounds', values.rounds),
    duration: positive('--duration', values.duration),
    'warm-up': values['warm-up'] && positive('--warm-up', values['warm-up']),
    targets: known('target', values.targets.split(','), targetNames),
    clients: values.clients ? known('client', values.clients.split(','), clients) : clients,
    cases: chosenCases(positionals),
  };
}

function positive(option, value) {
  if (!(Number(value) >= 1)) fail(`${option} must be a number of at least 1`);
  return Number(value);
}

function known(what, names, all) {
  const unknown = names.find((name) => !all.includes(name));
  if (unknown !== undefined) fail(`unknown ${what} '${unknown}'`);
  return names;
}

/** Returns the named cases, and our own cases that they are compared with. */
function chosenCases(names) {
  if (names.length === 0) return cases;
  known(
    'case',
    names,
    cases.map(({ name }) => name),
  );
  const wanted = new Set(names);
  for (const { name, against } of cases) if (names.includes(name) && against) wanted.add(against);
  return cases.filter(({ name }) => wanted.has(name));
}

function fail(message) {
  console.error(`${message}\n\n${usage}`);
  process.exit(2);
}
