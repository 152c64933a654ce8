/**
 * `npm run bench:broker`: compares the embedded broker with RabbitMQ on this machine, with the same client for both. Rounds
 * take turns, so that a busy minute affects both; the table shows the median and the span of all rounds, and the memory of a
 * queue of a million messages is checked against its limit. `-- --messages 20000 --backlog 100000 --rounds 3` is a quick run;
 * `-- --turns` measures the longest turns of the embedded broker's event loop instead.
 */
import { parseArgs } from 'node:util';
import { connect } from '../../dist/client.mjs';
import { startEmbedded, startRabbit } from './targets.mjs';
import { reportTurns } from './turns.mjs';

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '100000' },
    backlog: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '5' },
    turns: { type: 'boolean', default: false },
  },
});
const [messages, backlog, rounds] = [values.messages, values.backlog, values.rounds].map(Number);
const QUEUE = 'bench';
/** Bytes of memory that the embedded broker may use for the backlog. */
const LIMIT = 1024 ** 3;
const body = Buffer.from('a small message, 32 bytes long..');

const cases = {
  'publish with confirms, messages/s': async (channel) => perSecond(messages, () => fill(channel, messages)),
  'consume and acknowledge, messages/s': async (channel) => perSecond(messages, () => drain(channel, messages)),
  'publish and wait for its confirm, µs': async (channel) => {
    const count = 2_000;
    const start = process.hrtime.bigint();
    for (let n = 0; n < count; n++) await channel.publish('', QUEUE, body);
    const taken = Number(process.hrtime.bigint() - start);
    await channel.queuePurge(QUEUE);
    return taken / 1_000 / count;
  },
};

await (values.turns ? reportTurns() : besideRabbit());

async function besideRabbit() {
  const targets = { embedded: await startEmbedded(), rabbitmq: await startRabbit() };
  try {
    const results = {};
    for (let round = 0; round <= rounds; round++) {
      for (const [name, target] of Object.entries(targets)) {
        await withChannel(target.url, async (channel) => {
          for (const [what, run] of Object.entries(cases)) {
            const value = await run(channel);
            // The first round warms up.
            if (round > 0) ((results[what] ??= {})[name] ??= []).push(value);
          }
        });
      }
    }
    const memory = {};
    for (const [name, target] of Object.entries(targets)) memory[name] = await measureBacklog(target);
    report(results, memory);
    if (memory.embedded.grown > LIMIT) {
      console.error(
        `the embedded broker took ${mebibytes(memory.embedded.grown)} for ${backlog} messages: over its 1 GiB`,
      );
      process.exitCode = 1;
    }
  } finally {
    for (const target of Object.values(targets)) await target.stop();
  }
}

async function withChannel(url, use) {
  const connection = await connect(url, { reconnect: false });
  const channel = await connection.openChannel({ confirm: true, prefetch: 1_000, restore: false });
  await channel.queueDeclare(QUEUE, { durable: false });
  try {
    return await use(channel);
  } finally {
    await channel.queueDelete(QUEUE);
    await connection.close();
  }
}

async function fill(channel, count) {
  const batch = 5_000;
  for (let sent = 0; sent < count; sent += batch) {
    const size = Math.min(batch, count - sent);
    await Promise.all(Array.from({ length: size }, () => channel.publish('', QUEUE, body)));
  }
}

async function drain(channel, count) {
  let seen = 0;
  const { promise, resolve } = withResolvers();
  const consumer = await channel.basicConsume(QUEUE, (delivery) => {
    delivery.ack();
    if (++seen === count) resolve();
  });
  await promise;
  await consumer.cancel();
}

async function perSecond(count, work) {
  const start = process.hrtime.bigint();
  await work();
  return count / (Number(process.hrtime.bigint() - start) / 1e9);
}

async function measureBacklog(target) {
  return withChannel(target.url, async (channel) => {
    const before = await target.rss();
    await fill(channel, backlog);
    const after = await target.rss();
    await drain(channel, backlog);
    return { idle: before, grown: after - before };
  });
}

function report(results, memory) {
  const number = (value) => Math.round(value).toLocaleString('en');
  const cell = (all) => `${number(median(all))} (${number(Math.min(...all))} – ${number(Math.max(...all))})`;
  console.log(`| ${rounds} rounds: median (least – most) | embedded | RabbitMQ | ratio |`);
  console.log('| --- | --- | --- | --- |');
  for (const [what, { embedded, rabbitmq }] of Object.entries(results)) {
    const ratio = (median(embedded) / median(rabbitmq)).toFixed(2);
    console.log(`| ${what} | ${cell(embedded)} | ${cell(rabbitmq)} | ${ratio} |`);
  }
  const rows = [
    ['memory before, MiB', ({ idle }) => mebibytes(idle)],
    [`memory for a queue of ${number(backlog)} messages, MiB`, ({ grown }) => mebibytes(grown)],
  ];
  for (const [what, of] of rows) console.log(`| ${what} | ${of(memory.embedded)} | ${of(memory.rabbitmq)} | |`);
}

function median(all) {
  return [...all].sort((a, b) => a - b)[Math.floor(all.length / 2)];
}

function mebibytes(bytes) {
  return Math.round(bytes / 1024 ** 2).toLocaleString('en');
}

function withResolvers() {
  let resolve;
  const promise = new Promise((done) => (resolve = done));
  return { promise, resolve };
}
