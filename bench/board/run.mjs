/**
 * What the board costs: `npm run bench:board [rounds]`. Each round runs an application that publishes and consumes at Nest's level
 * three times, each in a process of its own: without a board, with one, and with ten viewers of it. A ratio is within a round, and
 * the order changes from round to round. Then an application with 200 consumers and no messages is looked at by ten viewers.
 * Broker and viewers are in this process, whose time does not count.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { get } from 'node:http';
import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { EmbeddedBroker } from '../../dist/broker.mjs';

const ROUNDS = Number(process.argv[2] ?? 9);
const VIEWERS = 10;
/** Milliseconds of one measurement. */
const BUSY = 4_000;
const IDLE = 20_000;
const program = fileURLToPath(new URL('app.mjs', import.meta.url));
const broker = await EmbeddedBroker.start();

/** Opens an event stream, and reads it. */
async function look(url) {
  const request = get(`${url}/api/events`, { agent: false });
  const [response] = await once(request, 'response');
  if (response.statusCode !== 200) throw new Error(`the board answers ${response.statusCode}`);
  await once(response, 'data');
  response.resume().on('error', () => {});
}

async function run({ board, viewers, idle, milliseconds }) {
  const app = fork(program, [broker.url, board, String(idle), String(milliseconds)]);
  const [{ url }] = await once(app, 'message');
  for (let n = 0; n < viewers; n++) await look(url);
  app.send('go');
  const [figures] = await once(app, 'message');
  await once(app, 'exit');
  return figures;
}

const quantile = (values, part) => [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * part)];
const spread = (values, digits) =>
  `${quantile(values, 0.5).toFixed(digits)} (quartiles ${quantile(values, 0.25).toFixed(digits)}–${quantile(values, 0.75).toFixed(digits)})`;

const modes = {
  none: { board: 'none', viewers: 0 },
  board: { board: 'board', viewers: 0 },
  watched: { board: 'board', viewers: VIEWERS },
};
const costs = { none: [], board: [], watched: [] };
for (let round = 0; round < ROUNDS; round++) {
  const names = Object.keys(modes);
  for (let n = 0; n < names.length; n++) {
    const name = names[(n + round) % names.length];
    const { cpu, messages } = await run({ ...modes[name], idle: 0, milliseconds: BUSY });
    costs[name].push(cpu / messages);
  }
}
const ratios = (name) => costs[name].map((cost, round) => cost / costs.none[round]);
console.log(
  `CPU per message, publish with confirm, consume and ack; ${ROUNDS} rounds, load ${loadavg()[0].toFixed(1)}`,
);
console.log(`without a board: ${spread(costs.none, 1)} µs`);
console.log(`with a board: ratio ${spread(ratios('board'), 3)}`);
console.log(`with ${VIEWERS} viewers: ratio ${spread(ratios('watched'), 3)}`);

const percent = ({ cpu }) => ((cpu / 1_000 / IDLE) * 100).toFixed(2);
const alone = await run({ board: 'board', viewers: 0, idle: 200, milliseconds: IDLE });
const looked = await run({ board: 'board', viewers: VIEWERS, idle: 200, milliseconds: IDLE });
console.log(`201 idle consumers: ${percent(alone)} % of a core, with ${VIEWERS} viewers ${percent(looked)} %`);
await broker.close();
