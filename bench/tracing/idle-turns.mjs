/**
 * One process of `idle.mjs`: runs one case with one or two builds of the client, in turns of about a tenth of a millisecond to
 * a millisecond, so that other load on the machine meets both.
 *
 *     node idle-turns.mjs <case> <milliseconds> <state> <checkout>...      prints the ns per message of each, as JSON
 *
 * The states of OpenTelemetry: `none`; `disabled`, an SDK with traces and metrics, and the instrumentation after `disable()`;
 * `unsampled`, an SDK that samples nothing; `no SDK`, the instrumentation is on, and there is no SDK.
 */
import { Buffer } from 'node:buffer';
import { createRequire } from 'node:module';
import { setImmediate as tick } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { confirms, deliveries, InProcessPeer } from './in-process-peer.mjs';

const [name, milliseconds, state, ...checkouts] = process.argv.slice(2);
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

/** Each state of OpenTelemetry, with the instrumentation of the first build. */
const states = {
  none: () => {},
  disabled: (instrumentation) => {
    startSdk(instrumentation, {});
    instrumentation.disable();
  },
  unsampled: (instrumentation) => {
    const { AlwaysOffSampler } = require('@opentelemetry/sdk-trace-node');
    startSdk(instrumentation, { sampler: new AlwaysOffSampler() });
  },
  'no SDK': () => {},
};

function startSdk(instrumentation, options) {
  const { NodeTracerProvider } = require('@opentelemetry/sdk-trace-node');
  const { MeterProvider } = require('@opentelemetry/sdk-metrics');
  const { registerInstrumentations } = require('@opentelemetry/instrumentation');
  const tracerProvider = new NodeTracerProvider(options);
  tracerProvider.register();
  // Only the idle instrumentation has a meter provider: measuring is another matter than sampling.
  const meterProvider = options.sampler ? undefined : new MeterProvider({ readers: [] });
  registerInstrumentations({ tracerProvider, meterProvider, instrumentations: [instrumentation] });
}

const require = createRequire(import.meta.url);
if (state !== 'none') {
  const { AmqpInstrumentation } = await import(pathToFileURL(`${checkouts[0]}/dist/opentelemetry.mjs`).href);
  states[state](new AmqpInstrumentation());
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
