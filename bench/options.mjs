import { parseArgs } from 'node:util';
import { cases } from './cases.mjs';
import { clients, OURS } from './clients.mjs';

const usage = `npm run bench -- [case …] [options]

  --rounds N        times that everything is measured (5)
  --duration MS     length of one measurement (1500)
  --clients A,B     only these clients
  --out FOLDER      where results.json and chart.svg go (.build/bench)
  --check           end with code 1 when a ratio is missed by more than 25 %
  --sink            only against the sink, even with AMQP_URL
  --cpu-prof        keep a CPU profile of every client process in the output folder

cases: ${cases.map(({ name }) => name).join(' ')}
clients: ${Object.keys(clients).join(' ')}
AMQP_URL: a RabbitMQ to measure against as well`;

/** What the command line asks for. */
export function readOptions() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: 'string', default: '5' },
      duration: { type: 'string', default: '1500' },
      clients: { type: 'string', default: Object.keys(clients).join(',') },
      out: { type: 'string', default: '.build/bench' },
      check: { type: 'boolean', default: false },
      sink: { type: 'boolean', default: false },
      'cpu-prof': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(usage);
    process.exit(0);
  }
  return {
    ...values,
    rounds: positive('--rounds', values.rounds),
    duration: positive('--duration', values.duration),
    clients: known('client', values.clients.split(','), Object.keys(clients)),
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

/** Those named, and those of our own that they are held against. */
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

/** The clients of a case: what is held against our own other figures is ours alone. */
export function clientsOf({ against }, chosen) {
  return chosen.filter((client) => against === undefined || client === OURS);
}
