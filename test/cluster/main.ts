/**
 * `npm run test:cluster [-- --times 5 --json figures.json]`: runs the soak on a RabbitMQ cluster of three nodes, while the
 * queue's leader is killed, suspended and cut off. Each run has a new cluster, in turn without and with
 * `republishUnconfirmed`. Prints figures; exits with 1 when a message is lost or invented, or a run hangs.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { SoakRun } from '../soak/soak-run.js';
import { Cluster } from './cluster.js';
import { faults } from './faults.js';
import { describeOrder, type FaultFigures } from './observation.js';
import { report, tables, wrong, type RunFigures } from './report.js';

const { values } = parseArgs({
  options: { times: { type: 'string', default: '1' }, json: { type: 'string' } },
});
const times = Number(values.times);
if (!Number.isInteger(times) || times < 1) throw new Error('--times must be a whole number, at least 1');

const say = (line: string): void => void process.stderr.write(`${line}\n`);

async function once(run: number): Promise<{ figures: RunFigures; rabbitmq: string }> {
  const republishUnconfirmed = run % 2 === 0;
  say(`run ${run} of ${times}: starting three nodes …`);
  await using cluster = await Cluster.start();
  const rabbitmq = await cluster.version();
  say(`RabbitMQ ${rabbitmq}, republishUnconfirmed: ${republishUnconfirmed}`);
  await using soak = await SoakRun.start({
    connection: { urls: cluster.urls, heartbeat: 2 },
    republishUnconfirmed,
    // The pause leaves processor time to the nodes, so that they answer in time.
    pause: 2,
  });
  await cluster.flush();
  const seen: FaultFigures[] = [];
  const figures = await soak.run(Infinity, () =>
    faults(cluster, soak, (one) => {
      seen.push(one);
      say(`${one.fault}: confirmed after ${one.confirmedAfter} ms (${describeOrder(one.order)})`);
    }),
  );
  return { figures: { run, republishUnconfirmed, soak: figures, faults: seen }, rabbitmq };
}

const runs: RunFigures[] = [];
let rabbitmq = '';
for (let run = 1; run <= times; run++) {
  try {
    const done = await once(run);
    rabbitmq = done.rabbitmq;
    runs.push(done.figures);
    const passed = wrong(done.figures) === 0;
    say(`${JSON.stringify(done.figures.soak)}\nrun ${run}: ${passed ? 'passed' : 'FAILED'}`);
    if (!passed) process.exitCode = 1;
  } catch (error) {
    say(`run ${run}: FAILED: ${error instanceof Error ? error.stack : String(error)}`);
    process.exitCode = 1;
  }
  // Written after each run: a run takes minutes, and the runs before a failed one count.
  if (values.json && runs.length > 0)
    await writeFile(values.json, `${JSON.stringify(report(rabbitmq, runs), undefined, 2)}\n`);
}
const result = report(rabbitmq, runs);
console.log(`RabbitMQ ${rabbitmq}, Node ${process.version}\n\n${tables(result)}\n`);
const { count, p50, max } = result.leaderDeath;
console.log(`leader's death to first confirm, ${count} times: p50 ${p50} ms, max ${max} ms\n`);
console.log(JSON.stringify(result));
