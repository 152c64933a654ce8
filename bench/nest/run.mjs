/** The Nest level against RabbitMQ: `npm run bench:nest -- [--rounds N] [--duration MS]`, with AMQP_URL. */
import { Buffer } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { connect } from 'nest-amqp/client';
import { start } from '../processes.mjs';
import { summarize } from '../report/summary.mjs';
import { formatTable } from '../report/table.mjs';
import { cases, clients } from './cases.mjs';
import { PATTERN, PAYLOAD } from './payload.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '3' },
    duration: { type: 'string', default: '1000' },
    out: { type: 'string', default: '.build/bench' },
    'cpu-prof': { type: 'boolean', default: false },
  },
});
const url = process.env.AMQP_URL;
if (!url) throw new Error('AMQP_URL is not set: run it through with-broker');
const duration = Number(values.duration);
/** What is there to be consumed. */
const DELIVERIES = 100_000;

const connection = await connect(url);
const channel = await connection.openChannel({ confirm: true });
const samples = [];
const chosen = cases.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
mkdirSync(values.out, { recursive: true });
for (let round = 1; round <= Number(values.rounds); round++) {
  for (const measured of chosen) {
    const turn = Object.entries(clients[measured.level]);
    for (const [client, module] of round % 2 ? turn : turn.reverse()) {
      process.stderr.write(`round ${round}/${values.rounds} · ${measured.name} · ${client}\n`);
      samples.push({ case: measured.name, client, round, ...(await measure(measured, client, module)) });
    }
  }
}
await connection.close();
const summary = summarize(chosen, samples);
console.log(formatTable(summary));
writeFileSync(`${values.out}/nest.json`, `${JSON.stringify({ summary, samples }, undefined, 2)}\n`);

async function measure(measured, client, module) {
  const queue = `nest-amqp-bench-${randomUUID()}`;
  const consumed = measured.work === 'deliver';
  // What nobody consumes must not pile up in the broker.
  const limit = measured.work === 'confirm' && measured.level !== 'request' ? { 'x-max-length': 1000 } : {};
  await channel.queueDeclare(queue, { durable: true, arguments: { 'x-expires': 120_000, ...limit } });
  if (consumed) await fill(queue, measured.level === 'module' ? PAYLOAD : { pattern: PATTERN, data: PAYLOAD });
  const plan = { url, exchange: '', routingKey: queue, queue, duration, warmUp: duration * 0.3 };
  if (consumed) plan.deliveries = DELIVERIES;
  const profile = [
    '--cpu-prof',
    `--cpu-prof-dir=${values.out}`,
    `--cpu-prof-name=${measured.name}.${client}.cpuprofile`,
  ];
  const argument = { module: new URL(`../${module}`, import.meta.url).href, case: measured, plan };
  const worker = start('work/main.mjs', argument, values['cpu-prof'] ? profile : []);
  const result = await worker.message(duration + 60_000);
  await worker.ended();
  await channel.queueDelete(queue);
  return result;
}

async function fill(queue, message) {
  const body = Buffer.from(JSON.stringify(message));
  for (let sent = 0; sent < DELIVERIES; sent += 1000) {
    const publish = () => channel.publish('', queue, body, { contentType: 'application/json', deliveryMode: 2 });
    await Promise.all(Array.from({ length: 1000 }, publish));
  }
}
