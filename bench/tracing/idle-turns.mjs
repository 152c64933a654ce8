/**
 * One process of `idle.mjs`: runs one case with two builds of the client, in turns of about a tenth of a millisecond to a
 * millisecond, so that other load on the machine meets both.
 *
 *     node idle-turns.mjs <case> <milliseconds> <checkout> <checkout>      prints the ns per message of both, as JSON
 */
import { Buffer } from 'node:buffer';
import { setImmediate as tick } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { confirms, deliveries, InProcessPeer } from './in-process-peer.mjs';

const [name, milliseconds, ...checkouts] = process.argv.slice(2);
/** Messages of one turn. */
const COUNT = 1_000;
/** Turns of each client before the measured ones. */
const WARM_UP = 500;
const BODY = Buffer.alloc(16, 'x');
const PROPERTIES = { contentType: 'application/octet-stream', deliveryMode: 2 };

/** Each case opens a client and returns its turn. */
const cases = {
  publish: async (client) => {
    const { channel, peer } = await open(client, {});
    peer.mute();
    return () => {
      for (let n = 0; n < COUNT; n++) void channel.publish('orders', 'order.created', BODY, PROPERTIES);
      return tick();
    };
  },
  confirm: async (client) => {
    const { channel, peer } = await open(client, { confirm: true, maxUnconfirmed: COUNT + 1 });
    peer.mute();
    const confirm = confirms();
    let sent = 0;
    return async () => {
      let last;
      for (let n = 0; n < COUNT; n++) last = channel.publish('orders', 'order.created', BODY, PROPERTIES);
      await tick();
      peer.give(confirm((sent += COUNT)));
      await last;
    };
  },
  deliver: (client) => consuming(client, true),
  ack: (client) => consuming(client, false),
};

async function consuming(client, noAck) {
  const { channel, peer } = await open(client, { prefetch: COUNT });
  let handled = 0;
  const handler = (delivery) => {
    handled++;
    if (!noAck) delivery.ack();
  };
  const { consumerTag } = await channel.basicConsume('orders', handler, { noAck });
  peer.mute();
  const deliver = deliveries(consumerTag, COUNT);
  let delivered = 0;
  return async () => {
    peer.give(deliver(delivered + 1));
    delivered += COUNT;
    await tick();
    if (handled !== delivered) throw new Error(`${handled} of ${delivered} messages were handled`);
  };
}

async function open({ connect }, options) {
  const peer = new InProcessPeer();
  const connection = await connect({ urls: 'amqp://in-process', createSocket: peer.createSocket, heartbeat: 0 });
  return { channel: await connection.openChannel(options), peer };
}

const turns = [];
for (const checkout of checkouts) {
  turns.push(await cases[name](await import(pathToFileURL(`${checkout}/dist/client.mjs`).href)));
}
for (let n = 0; n < WARM_UP; n++) for (const turn of turns) await turn();
const times = turns.map(() => []);
const until = performance.now() + Number(milliseconds);
for (let round = 0; performance.now() < until; round++) {
  for (let place = 0; place < turns.length; place++) {
    const index = (round + place) % turns.length;
    const begun = performance.now();
    await turns[index]();
    times[index].push(performance.now() - begun);
  }
}
const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
console.log(JSON.stringify(times.map((all) => (median(all) * 1e6) / COUNT)));
process.exit(0);
