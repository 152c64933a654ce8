/**
 * `npm run bench:start`: measures the seconds until an application with 1,000 consumers consumes, each from its own queue, on
 * a private RabbitMQ. `client` is the floor: the same queues and consumers with the client alone, one channel each. `first`
 * declares the queues, `again` finds them. Each run is a new process. `-- --consumers 300 --rounds 5 --type classic`.
 */
import { execFile } from 'node:child_process';
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
  },
});
const program = fileURLToPath(new URL('boot.mjs', import.meta.url));
/** Milliseconds that one start may take. */
const PATIENCE = 600_000;

const rabbit = await startRabbitMq({ startTimeout: PATIENCE });
try {
  const results = {};
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const kind of ['client', 'nest']) {
      await deleteQueues();
      for (const boot of ['first', 'again']) {
        const { stdout } = await promisify(execFile)(
          process.execPath,
          [program, kind, rabbit.url, values.consumers, values.type],
          { timeout: PATIENCE },
        );
        (results[`${kind}, ${boot}`] ??= []).push(JSON.parse(stdout));
      }
    }
  }
  console.log(
    `${values.consumers} consumers of ${values.type} queues · ${os.cpus().length} cores, load average ${os
      .loadavg()
      .map((load) => load.toFixed(1))
      .join(' ')}\n`,
  );
  console.log('| start | seconds, each round | CPU seconds of the process |\n| --- | --- | --- |');
  for (const [name, runs] of Object.entries(results)) {
    const list = (key) => runs.map((run) => run[key].toFixed(2)).join(', ');
    console.log(`| ${name} | ${list('seconds')} | ${list('cpu')} |`);
  }
} finally {
  await rabbit.stop();
}

async function deleteQueues() {
  const connection = await connect(rabbit.url, { rpcTimeout: PATIENCE });
  const channel = await connection.openChannel();
  await Promise.all(queueNames(Number(values.consumers)).map((name) => channel.queueDelete(name)));
  await connection.close();
}
