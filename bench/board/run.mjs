/**
 * What the board costs: `npm run bench:board [processes]`. An application publishes and consumes at Nest's level, alone, with a board,
 * and with ten viewers of it, who come and go in its process: two processes of the same code differ by several percent, so a ratio is
 * one of neighbours within one process, and the board alone, which needs two processes, is compared by many of them. Then an
 * application with 200 consumers and no messages is looked at by ten viewers. Broker and viewers are in this process, whose time does
 * not count.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { get } from 'node:http';
import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { EmbeddedBroker } from '../../dist/broker.mjs';

const PROCESSES = Number(process.argv[2] ?? 7);
/** Times that the viewers of a process come and go. */
const VISITS = 6;
const VIEWERS = 10;
/** Milliseconds of one measurement. */
const BUSY = 2_000;
const IDLE = 20_000;
const program = fileURLToPath(new URL('app.mjs', import.meta.url));
const broker = await EmbeddedBroker.start();

/** Opens an event stream, and reads it. Returns the function that closes it. */
async function look(url) {
  const request = get(`${url}/api/events`, { agent: false });
  const [response] = await once(request, 'response');
  if (response.statusCode !== 200) throw new Error(`the board answers ${response.statusCode}`);
  await once(response, 'data');
  response.resume().on('error', () => {});
  return async () => {
    const closed = new Promise((resolve) => response.once('close', resolve));
    request.destroy();
    await closed;
  };
}

/** Starts an application. */
async function start(board, idle) {
  const app = fork(program, [broker.url, board, String(idle)]);
  const [{ url }] = await once(app, 'message');
  let leave = [];
  const measure = async (milliseconds) => {
    app.send(milliseconds);
    const [figures] = await once(app, 'message');
    return figures;
  };
  return {
    measure,
    perMessage: async () => {
      const { cpu, messages } = await measure(BUSY);
      return cpu / messages;
    },
    come: async () => {
      for (let n = 0; n < VIEWERS; n++) leave.push(await look(url));
    },
    go: async () => {
      await Promise.all(leave.map((close) => close()));
      leave = [];
    },
    end: async () => {
      app.send('end');
      await once(app, 'exit');
    },
  };
}

const quantile = (values, part) => [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * part)];
const spread = (values, digits) =>
  `${quantile(values, 0.5).toFixed(digits)} (quartiles ${quantile(values, 0.25).toFixed(digits)}–${quantile(values, 0.75).toFixed(digits)})`;

/** Microseconds per message of an application without viewers, in each of as many measurements as with viewers. */
async function unwatched(board) {
  const app = await start(board, 0);
  const costs = [];
  for (let n = 0; n <= VISITS; n++) costs.push(await app.perMessage());
  await app.end();
  return quantile(costs, 0.5);
}

/** Ratios of the cost with viewers to that before and after their visit. */
async function visits() {
  const app = await start('board', 0);
  const ratios = [];
  let before = await app.perMessage();
  for (let n = 0; n < VISITS; n++) {
    await app.come();
    const watched = await app.perMessage();
    await app.go();
    const after = await app.perMessage();
    ratios.push((2 * watched) / (before + after));
    before = after;
  }
  await app.end();
  return ratios;
}

const [alone, withBoard, watched] = [[], [], []];
for (let round = 0; round < PROCESSES; round++) {
  const costs = {};
  for (const board of round % 2 === 0 ? ['none', 'board'] : ['board', 'none']) costs[board] = await unwatched(board);
  alone.push(costs.none);
  withBoard.push(costs.board / costs.none);
  watched.push(...(await visits()));
}
console.log(
  `CPU per message, publish with confirm, consume and ack; ${PROCESSES} processes each, load ${loadavg()[0].toFixed(1)}`,
);
console.log(`without a board: ${spread(alone, 1)} µs`);
console.log(`with a board: ratio ${spread(withBoard, 3)}`);
console.log(`with ${VIEWERS} viewers: ratio ${spread(watched, 3)} of ${watched.length} visits`);

const percent = ({ cpu }) => ((cpu / 1_000 / IDLE) * 100).toFixed(2);
const app = await start('board', 200);
const nobody = await app.measure(IDLE);
await app.come();
const looked = await app.measure(IDLE);
await app.end();
console.log(`201 idle consumers: ${percent(nobody)} % of a core, with ${VIEWERS} viewers ${percent(looked)} %`);
await broker.close();
