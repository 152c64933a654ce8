/**
 * `npm run bench:recovery [-- --closed 20 --kills 6 --json figures.json]`: measures the time from the broker's return to the
 * first confirm and the first delivery, with default options, of the core and of the Nest module. Outages of 1 to 60 s come
 * from a closed port; outages by SIGKILL of a private RabbitMQ last until the node has started, up to 60 s. Exits with 1 when a
 * p95 is over 2 s.
 */
import { writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startRabbitMq } from '../support/rabbitmq.js';
import { closedPort, killedNode, type Outage } from './outages.js';
import { coreSubject, nestSubject, type Flow, type Subject } from './subjects.js';

/** Milliseconds: the shortest outage of each kind, the longest of both, and the limit of a p95. */
const SHORTEST_CLOSED = 1_000;
const SHORTEST_KILL = 10_000;
const LONGEST = 60_000;
const BOUND = 2_000;
/** Milliseconds of normal operation before the next outage; a connection counts as stable after 2 s. */
const CALM = 3_000;
/** Milliseconds for the node's start, also on a busy machine. */
const START_TIMEOUT = 400_000;
/** Milliseconds after which the first confirm or delivery counts as missing. */
const PATIENCE = 120_000;

const { values } = parseArgs({
  options: {
    closed: { type: 'string', default: '20' },
    kills: { type: 'string', default: '6' },
    json: { type: 'string' },
  },
});
const [closed, kills] = [count('closed'), count('kills')];

interface Sample {
  /** Length in ms. */
  readonly outage: number;
  readonly kind: string;
  readonly subject: string;
  readonly confirm: number;
  readonly delivery: number;
}

const samples: Sample[] = [];
await using rabbit = await startRabbitMq({ source: 'local', startTimeout: START_TIMEOUT });
await using port = await closedPort(rabbit);
await measure(port, lengths(closed, SHORTEST_CLOSED));
await measure(killedNode(rabbit), lengths(kills, SHORTEST_KILL));

const groups = [...new Set(samples.map(({ kind, subject }) => JSON.stringify([kind, subject])))];
const figures = groups.flatMap((group) => {
  const own = samples.filter(({ kind, subject }) => JSON.stringify([kind, subject]) === group);
  const { kind, subject } = own[0]!;
  return (['confirm', 'delivery'] as const).map((first) => {
    const sorted = own.map((sample) => sample[first]).sort((a, b) => a - b);
    const times = { p50: quantile(sorted, 0.5), p95: quantile(sorted, 0.95), max: sorted.at(-1)! };
    return { kind, outages: `${own.length} of ${range(own)} s`, subject, first, ...times };
  });
});
console.log(`Node ${process.version}, load ${loadavg()[0]!.toFixed(1)}\n`);
console.log('| outage | outages | client | from the broker’s return to the first | p50, ms | p95, ms | max, ms |');
console.log('| --- | --- | --- | --- | --- | --- | --- |');
for (const row of figures) console.log(`| ${Object.values(row).join(' | ')} |`);
if (values.json) await writeFile(values.json, `${JSON.stringify({ figures, samples }, undefined, 2)}\n`);
if (figures.some(({ p95 }) => p95 > BOUND)) process.exitCode = 1;

/** Subjects a client of each kind to these outages, one after the other. */
async function measure(outage: Outage, all: readonly number[]): Promise<void> {
  const subjects = [await coreSubject(outage.url), await nestSubject(outage.url)];
  await rabbit.flush();
  await delay(CALM);
  for (const length of all) {
    const back = await outage.last(length);
    const results = await Promise.all(subjects.map((subject) => flows(subject, back.at)));
    await back.ready;
    for (const [index, { name }] of subjects.entries()) {
      const sample = { outage: Math.round(back.length), kind: outage.kind, subject: name, ...results[index]! };
      samples.push(sample);
      process.stderr.write(`${JSON.stringify(sample)}\n`);
    }
    await delay(CALM);
  }
  await Promise.all(subjects.map((subject) => subject.close()));
}

function count(name: 'closed' | 'kills'): number {
  const number = Number(values[name]);
  if (!Number.isInteger(number) || number < 2) throw new Error(`--${name} must be a whole number, at least 2`);
  return number;
}

/** Returns lengths (ms) from the shortest to the longest, in geometric steps; long and short ones alternate. */
function lengths(number: number, shortest: number): number[] {
  const growing = Array.from(
    { length: number },
    (_, index) => shortest * (LONGEST / shortest) ** (index / (number - 1)),
  );
  return growing.map((_, index) => growing[index % 2 === 0 ? number - 1 - index / 2 : (index - 1) / 2]!);
}

/** Returns the milliseconds from `back` to the first confirm and the first delivery. @throws Error when one of them is missing */
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

/** Returns a quantile by nearest rank. */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
}

function range(all: readonly Sample[]): string {
  const seconds = all.map(({ outage }) => Math.round(outage / 1_000));
  return `${Math.min(...seconds)} to ${Math.max(...seconds)}`;
}
