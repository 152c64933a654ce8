/**
 * `npm run bench:recovery [-- --outages 20 --json figures.json]`: how long it takes from the broker's return to the first
 * confirm and the first delivery, with default options, of the core and of the Nest module. A private RabbitMQ is killed
 * (SIGKILL) and started again, with outages of 1 to 60 s. Exits with 1 when a p95 is over 2 s.
 */
import { writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { answersAmqp } from '../support/amqp-probe.js';
import { startRabbitMq } from '../support/rabbitmq.js';
import { coreSubject, nestSubject, type Flow, type Subject } from './subjects.js';

/** ms between two looks whether the broker is back. */
const PROBE = 50;
/** ms: the longest outage, and what a p95 may be. */
const LONGEST = 60_000;
const BOUND = 2_000;
/** ms that all has to flow before the next outage; a connection counts as stable after 2 s. */
const CALM = 3_000;
/** ms until nothing is expected to flow any more. */
const PATIENCE = 120_000;

const { values } = parseArgs({ options: { outages: { type: 'string', default: '20' }, json: { type: 'string' } } });
const count = Number(values.outages);
if (!Number.isInteger(count) || count < 2) throw new Error('--outages must be a whole number, at least 2');

/** From 1 s to 60 s, each so many times as long as the one before; long and short ones by turns. */
const planned = Array.from({ length: count }, (_, index) => 1_000 * (LONGEST / 1_000) ** (index / (count - 1)));
const outages = planned.map((_, index) => planned[index % 2 === 0 ? count - 1 - index / 2 : (index - 1) / 2]!);

interface Sample {
  readonly outage: number;
  readonly subject: string;
  readonly confirm: number;
  readonly delivery: number;
}

await using rabbit = await startRabbitMq({ source: 'local' });
const subjects = [await coreSubject(rabbit.url), await nestSubject(rabbit.url)];
await rabbit.flush();
await delay(CALM);
const samples: Sample[] = [];
/** How long the broker takes to start, ms: a part of the outage. */
let boot = 5_000;
for (const outage of outages) {
  const begin = performance.now();
  await rabbit.kill();
  await delay(Math.max(0, outage - boot));
  const started = performance.now();
  const starting = rabbit.start();
  while (!(await answersAmqp(rabbit.port))) await delay(PROBE);
  const back = performance.now();
  boot = back - started;
  const results = await Promise.all(subjects.map((subject) => flows(subject, back)));
  await starting;
  for (const [index, { name }] of subjects.entries()) {
    const sample = { outage: Math.round(back - begin), subject: name, ...results[index]! };
    samples.push(sample);
    process.stderr.write(`${JSON.stringify(sample)}\n`);
  }
  await delay(CALM);
}
await Promise.all(subjects.map((subject) => subject.close()));

const figures = subjects.flatMap(({ name }) =>
  (['confirm', 'delivery'] as const).map((kind) => {
    const sorted = samples
      .filter(({ subject }) => subject === name)
      .map((sample) => sample[kind])
      .sort((a, b) => a - b);
    return { subject: name, kind, p50: quantile(sorted, 0.5), p95: quantile(sorted, 0.95), max: sorted.at(-1)! };
  }),
);
console.log(`Node ${process.version}, load ${loadavg()[0]!.toFixed(1)}, ${count} outages of ${range(samples)} s\n`);
console.log(
  '| subject | from the broker’s return to the first | p50, ms | p95, ms | max, ms |\n| --- | --- | --- | --- | --- |',
);
for (const { subject, kind, p50, p95, max } of figures)
  console.log(`| ${subject} | ${kind} | ${p50} | ${p95} | ${max} |`);
if (values.json) await writeFile(values.json, `${JSON.stringify({ figures, samples }, undefined, 2)}\n`);
if (figures.some(({ p95 }) => p95 > BOUND)) process.exitCode = 1;

/** ms from `back` to the first of each. @throws Error when one of them does not come */
async function flows(subject: Subject, back: number): Promise<Record<Flow, number>> {
  const seen: Partial<Record<Flow, number>> = {};
  const both = new Promise<void>((resolve) => {
    subject.onFlow = (kind) => {
      seen[kind] ??= Math.round(performance.now() - back);
      if (seen.confirm !== undefined && seen.delivery !== undefined) resolve();
    };
  });
  await Promise.race([
    both,
    delay(PATIENCE, undefined, { ref: false }).then(() => {
      throw new Error(
        `${subject.name}: nothing flows ${PATIENCE} ms after the broker is back: ${JSON.stringify(seen)}`,
      );
    }),
  ]);
  return { confirm: seen.confirm!, delivery: seen.delivery! };
}

/** By nearest rank. */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
}

function range(all: readonly Sample[]): string {
  const seconds = all.map(({ outage }) => Math.round(outage / 1_000));
  return `${Math.min(...seconds)} to ${Math.max(...seconds)}`;
}
