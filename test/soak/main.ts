/**
 * `npm run test:soak [-- --messages 100000 --cuts 20 --kills 3 --seed 1]`: checks that no confirmed message is lost and no
 * unconfirmed message is reported confirmed. Runs without and with `republishUnconfirmed`, on a private RabbitMQ, and prints
 * the figures. Exits with 1 when a message is lost or invented.
 */
import { parseArgs } from 'node:util';
import { startRabbitMq } from '../support/rabbitmq.js';
import { soak } from './no-loss.js';

const number = (name: string, value: string): number => {
  const parsed = Number(value);
  if (!Number.isInteger(parsed) || parsed < 0) throw new Error(`--${name} must be a whole number`);
  return parsed;
};

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '100000' },
    cuts: { type: 'string', default: '20' },
    kills: { type: 'string', default: '3' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
});
const messages = number('messages', values.messages);
const cuts = number('cuts', values.cuts);
const kills = number('kills', values.kills);
const seed = number('seed', values.seed);

/** Milliseconds between two lines of progress in a log. On a terminal each line replaces the one before. */
const LOG_EVERY = 10_000;
let logged = -Infinity;
const show = (line: string): void => {
  if (process.stderr.isTTY) return void process.stderr.write(`\r\u001b[K${line}`);
  if (performance.now() - logged < LOG_EVERY) return;
  logged = performance.now();
  process.stderr.write(`${line}\n`);
};

// A slow start of the broker is not a failure of the client.
await using rabbit = await startRabbitMq({ source: 'local', startTimeout: 300_000 });
const started = performance.now();
for (const republishUnconfirmed of [false, true]) {
  console.log(
    `${messages} messages, ${cuts} cuts, ${kills} kills, seed ${seed}, republishUnconfirmed: ${republishUnconfirmed}`,
  );
  const onProgress = show;
  const figures = await soak(rabbit, { messages, cuts, kills, seed, republishUnconfirmed, onProgress });
  if (process.stderr.isTTY) process.stderr.write('\n');
  console.log(JSON.stringify(figures));
  const wrong = figures.lost + figures.invented + (republishUnconfirmed ? figures.missing : 0);
  console.log(wrong === 0 ? 'passed' : 'FAILED');
  if (wrong > 0) process.exitCode = 1;
}
console.log(`${Math.round((performance.now() - started) / 1_000)} s in all`);
