/**
 * `npm run test:delays [-- --processes 200 --brokers 5]`: kills applications, and then the broker, with SIGKILL at random
 * instants while delayed messages are published, wait, move on and are handled. Exits with 1 if a confirmed message is lost, comes
 * early, or shows a header of its way. Messages may come twice.
 */
import { loadavg } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startRabbitMq } from '../support/rabbitmq.js';
import { Book } from './book.js';

/** Longest life of an application after its start, and of the broker between two kills, ms. */
const LIFE = { process: 4_000, broker: 8_000 } as const;
/** More than an application can publish in its life. */
const MANY = 200;
/** Applications that live at the same time, each with a queue of its own. */
const LANES = 2;
/** ms. RabbitMQ tries again after three minutes to move a message whose next queue was not there. */
const PATIENCE = 400_000;
const START_TIMEOUT = 900_000;

const { values } = parseArgs({
  options: { processes: { type: 'string', default: '200' }, brokers: { type: 'string', default: '5' } },
});
const [processes, brokers] = [Number(values.processes), Number(values.brokers)];

console.log(`Node ${process.version}, load ${loadavg()[0]!.toFixed(1)}\n`);
console.log('| killed | times | confirmed messages | lost | came twice | late in peace, ms: p50, max |');
console.log('| --- | --- | --- | --- | --- | --- |');
if (processes > 0) {
  await using rabbit = await startRabbitMq({ startTimeout: START_TIMEOUT });
  const books = Array.from({ length: LANES }, (_, lane) => new Book(rabbit.url, `reminders-${lane}`));
  const shares = books.map((_, lane) => Math.floor((processes + lane) / LANES));
  await Promise.all(books.map((book, lane) => killProcesses(book, shares[lane]!)));
  await report('process', processes, books);
}
if (brokers > 0) {
  // Not the broker of AMQP_URL, which others may use.
  await using rabbit = await startRabbitMq({ source: 'local', startTimeout: START_TIMEOUT });
  const book = new Book(rabbit.url, 'reminders');
  const app = await book.start(100 * MANY);
  await delay(LIFE.broker);
  await rabbit.flush();
  for (let kill = 0; kill < brokers; kill++) {
    await delay(Math.random() * LIFE.broker);
    await rabbit.kill();
    await rabbit.start();
  }
  await app.kill();
  await report('broker', brokers, [book]);
}

async function killProcesses(book: Book, kills: number): Promise<void> {
  for (let kill = 0; kill < kills; kill++) {
    const app = await book.start(MANY);
    await delay(Math.random() * LIFE.process);
    await app.kill();
  }
}

/** Lets applications take what is left, and then some messages in peace. */
async function report(killed: string, times: number, books: readonly Book[]): Promise<void> {
  let lost = 0;
  const late: number[] = [];
  for (const book of books) {
    const app = await book.start(0);
    lost += (await book.settle(PATIENCE)).length;
    await app.kill();
    const before = book.late.length;
    const last = await book.start(100);
    await delay(6_000);
    lost += (await book.settle(PATIENCE)).length;
    await last.kill();
    late.push(...book.late.slice(before));
    for (const fault of book.faults) console.error(fault);
    if (book.faults.length > 0) process.exitCode = 1;
  }
  late.sort((one, other) => one - other);
  const confirmed = books.reduce((sum, book) => sum + book.confirmed.size, 0);
  const twice = books.flatMap(({ handled }) => [...handled.values()]).filter((count) => count > 1).length;
  const [p50, max] = [late[Math.floor(late.length / 2)], late.at(-1)].map((ms) => Math.round(ms ?? NaN));
  console.log(`| ${killed} | ${times} | ${confirmed} | ${lost} | ${twice} | ${p50}, ${max} |`);
  if (lost > 0) process.exitCode = 1;
}
