/**
 * `npm run test:mixed [-- --messages 10000 --prefetch 1,10,200 --cuts 12 --kills 3 --blocks 6 --seed 1 --embedded]`: publishes
 * messages that fail in every way, while connections are cut and the broker is killed and blocked. Each message must end as
 * the table of docs/consumers.md says. Runs on a private RabbitMQ, or on an embedded broker. Exits with 1 on any difference.
 */
import { parseArgs } from 'node:util';
import { embeddedBroker, realBroker } from './brokers.js';
import { mixed, type MixedFigures } from './run.js';

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '10000' },
    prefetch: { type: 'string', default: '1,10,200' },
    cuts: { type: 'string', default: '12' },
    kills: { type: 'string', default: '3' },
    blocks: { type: 'string', default: '6' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    embedded: { type: 'boolean', default: false },
  },
});

const number = (name: string, value: string): number => {
  const parsed = Number(value);
  if (!Number.isInteger(parsed) || parsed < 0) throw new Error(`--${name} must be a whole number`);
  return parsed;
};
const [messages, cuts, kills, blocks, seed] = (['messages', 'cuts', 'kills', 'blocks', 'seed'] as const).map((name) =>
  number(name, values[name]),
) as [number, number, number, number, number]; // Milliseconds between two lines of progress.
const prefetches = values.prefetch.split(',').map((value) => number('prefetch', value));

/** Bytes by which the heap may have grown from the end of the first part to the end of the last. */
const LOG_EVERY = 10_000;
let logged = -Infinity;
const onProgress = (line: string): void => {
  if (performance.now() - logged < LOG_EVERY) return;
  logged = performance.now();
  process.stderr.write(`${line}\n`);
};

await using broker = await (values.embedded ? embeddedBroker() : realBroker());
const plan = `${messages} messages, ${cuts} cuts, ${kills} kills, ${blocks} blocks`;
console.log(`${broker.name}: ${plan}, at prefetch ${prefetches.join(', ')}; seed ${seed}`);
for (const prefetch of prefetches)
  print(await mixed(broker, { messages, prefetch, cuts, kills, blocks, seed, onProgress }));

/** Bytes by which the heap may have grown from the end of the first part to the end of the last. */
const GROWTH = 8_000_000;

function print({ kinds, differences, wrong, heap, ...figures }: MixedFigures): void {
  const { prefetch, ...counts } = figures;
  const megabytes = heap.map((bytes) => (bytes / 1e6).toFixed(1));
  console.log(`\nprefetch ${prefetch}: ${JSON.stringify(counts)}; heap after each part, MB: ${megabytes.join(', ')}\n`);
  const [first = {}] = Object.values(kinds);
  console.log(`| kind | ${Object.keys(first).join(' | ')} |\n| --- |${' --- |'.repeat(Object.keys(first).length)}`);
  for (const [name, row] of Object.entries(kinds)) console.log(`| ${name} | ${Object.values(row).join(' | ')} |`);
  for (const difference of differences) console.log(`WRONG: ${difference}`);
  const growth = heap.at(-1)! - heap[0]!;
  if (growth > GROWTH) console.log(`WRONG: the heap has grown by ${growth} bytes from the first part to the last`);
  const failed = wrong > 0 || growth > GROWTH;
  console.log(failed ? `\nFAILED: ${wrong} differences` : '\npassed');
  if (failed) process.exitCode = 1;
}
