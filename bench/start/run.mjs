/**
 * `npm run bench:start`: measures the seconds until an application with 1,000 consumers consumes, each from its own queue, on
 * a private RabbitMQ. The floors are `bare`, which writes the same methods without a library (`bare 1` declares on one
 * channel, `bare 16` on 16), and `client`, the client alone, which declares on one channel. `first` declares the queues,
 * `again` finds them. Each run is a new process.
 * `-- --consumers 300 --rounds 5 --type classic --starts 'bare 16,nest'`.
 */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { connect } from '../../dist/client.mjs';
import { startRabbitMq } from '../../.build/support/rabbitmq.js';
import { queueNames } from './names.mjs';

const { values } = parseArgs({
  options: {
    consumers: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '3' },
    type: { type: 'string', default: 'quorum' },
    starts: { type: 'string', default: 'bare 1,bare 16,client,nest' },
  },
});
const { consumers, type } = values;
const programOf = (name) => fileURLToPath(new URL(name, import.meta.url));
/** Milliseconds that one start may take. */
const PATIENCE = 600_000;
/** Ticks of a second in /proc/<pid>/stat. */
const TICKS = 100;

const rabbit = await startRabbitMq({ startTimeout: PATIENCE });
const RUNS = {
  'bare 1': [programOf('bare.mjs'), rabbit.port, consumers, type, 1],
  'bare 16': [programOf('bare.mjs'), rabbit.port, consumers, type, 16],
  client: [programOf('boot.mjs'), 'client', rabbit.url, consumers, type],
  nest: [programOf('boot.mjs'), 'nest', rabbit.url, consumers, type],
};
try {
  const pid = (await rabbit.ctl('eval', 'os:getpid().')).replace(/\D/g, '');
  const results = {};
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const name of values.starts.split(',')) {
      await deleteQueues();
      for (const boot of ['first', 'again']) {
        const result = await measured(RUNS[name], pid);
        (results[`${name}, ${boot}`] ??= []).push(result);
        console.error(`${name}, ${boot}: ${JSON.stringify(result)}`);
      }
    }
  }
  const loads = os.loadavg().map((load) => load.toFixed(1));
  console.log(
    `${consumers} consumers of ${type} queues · ${os.cpus().length} cores, load average ${loads.join(' ')}\n`,
  );
  console.log('| start | seconds, each round | load average | CPU seconds of the process | CPU seconds of RabbitMQ |');
  console.log('| --- | --- | --- | --- | --- |');
  for (const [name, runs] of Object.entries(results)) {
    const list = (key, digits = 2) => runs.map((run) => run[key].toFixed(digits)).join(', ');
    console.log(`| ${name} | ${list('seconds')} | ${list('load', 0)} | ${list('cpu')} | ${list('brokerCpu')} |`);
  }
} finally {
  await rabbit.stop();
}

async function measured(args, pid) {
  const before = cpuSecondsOf(pid);
  const { stdout } = await promisify(execFile)(process.execPath, args.map(String), { timeout: PATIENCE });
  return { ...JSON.parse(stdout), brokerCpu: cpuSecondsOf(pid) - before, load: os.loadavg()[0] };
}

/** Returns the CPU seconds that a process has used; NaN where there is no /proc, and for a broker on another machine. */
function cpuSecondsOf(pid) {
  const file = `/proc/${pid}/stat`;
  if (!existsSync(file)) return NaN;
  const [user, system] = readFileSync(file, 'latin1').split(') ')[1].split(' ').slice(11, 13);
  return (Number(user) + Number(system)) / TICKS;
}

async function deleteQueues() {
  const connection = await connect(rabbit.url, { rpcTimeout: PATIENCE });
  const channels = await Promise.all(Array.from({ length: 16 }, () => connection.openChannel()));
  await Promise.all(
    queueNames(Number(consumers)).map((name, index) => channels[index % channels.length].queueDelete(name)),
  );
  await connection.close();
}
