/**
 * What a trace of every message costs, beside instrumentation-amqplib on amqplib, and what our metrics cost: `npm run
 * bench:tracing`. Each round measures both clients, plain and traced, on the embedded broker; the overhead is the difference
 * within a round.
 */
import { execFile } from 'node:child_process';
import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { EmbeddedBroker } from '../../dist/broker.mjs';

const ROUNDS = 7;
const MESSAGES = 20_000;
const program = fileURLToPath(new URL('client.mjs', import.meta.url));
const broker = await EmbeddedBroker.start();

/** CPU µs per message. */
async function measure(client, mode) {
  const args = [program, client, mode, broker.url, String(MESSAGES)];
  return Number((await promisify(execFile)(process.execPath, args)).stdout);
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const shown = (values) =>
  `${median(values).toFixed(1)} (${Math.min(...values).toFixed(1)}–${Math.max(...values).toFixed(1)})`;

const clients = ['nest-amqp', 'amqplib'];
const plain = { 'nest-amqp': [], amqplib: [] };
const overhead = { 'nest-amqp': [], amqplib: [] };
const metrics = [];
for (let round = 0; round < ROUNDS; round++) {
  for (const client of clients) {
    const without = await measure(client, 'plain');
    plain[client].push(without);
    overhead[client].push((await measure(client, 'traced')) - without);
    // instrumentation-amqplib has no metrics.
    if (client === 'nest-amqp') metrics.push((await measure(client, 'measured')) - without);
  }
}
await broker.close();
console.log(`CPU µs per message, median (least–most) of ${ROUNDS} rounds; load ${loadavg()[0].toFixed(1)}`);
for (const client of clients)
  console.log(`${client}: plain ${shown(plain[client])}, tracing adds ${shown(overhead[client])}`);
console.log(`nest-amqp: metrics add ${shown(metrics)}`);
