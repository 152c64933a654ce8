import { randomUUID } from 'node:crypto';
import { startRabbitMq } from '../.build/support/rabbitmq.js';
import { bodyOf } from './body.mjs';
import { start } from './processes.mjs';

/** Milliseconds that the sink may take to start. */
const SINK_START_TIMEOUT = 10_000;
/**
 * The deliveries that RabbitMQ holds ready for a consumer, since it cannot deliver endlessly. Nest's levels take longer to
 * compile.
 */
const DELIVERIES = { core: 100_000, module: 250_000, transport: 250_000 };
const DELIVERIES_BYTES = 64 * 1024 * 1024;
/**
 * Length limit of a queue without a consumer, so that publishes do not pile up. Queues of requests have none: no request may be
 * dropped.
 */
const UNCONSUMED = 1000;
const CORE_PROPERTIES = { contentType: 'application/octet-stream', deliveryMode: 2 };

/**
 * The place of a run: its URL and the names to use. `stop()` deletes what `open()` has declared.
 *
 * @typedef {{ url: string, exchange: string, routingKey: string, queue: string, deliveries?: number }} Place
 * @typedef {object} Target
 * @property {(measured: import('./cases.mjs').Case) => boolean} takes
 * @property {(measured: import('./cases.mjs').Case) => Promise<{ place: Place, stop(): Promise<void> }>} open
 * @property {() => Promise<void>} close
 */

/** @type {Record<string, () => Promise<Target>>} */
const targets = {
  sink: async () => ({ takes: ({ answered }) => !answered, open: openSink, close: async () => {} }),
  rabbitmq: openRabbitMq,
};

export const targetNames = Object.keys(targets);

/** @returns {Promise<Target>} */
export function openTarget(name) {
  return targets[name]();
}

async function openSink(measured) {
  const { consumers = 1, unconfirmed = 0, work, level } = measured;
  const echo = work === 'round-trip';
  const holdConfirms = Math.max(0, unconfirmed - 1000);
  const process = start('sink/main.mjs', { delivery: deliveryOf(measured), consumers, echo, holdConfirms });
  const { port } = await process.message(SINK_START_TIMEOUT);
  const place = {
    url: `amqp://guest:guest@127.0.0.1:${port}`,
    exchange: level ? '' : 'orders',
    routingKey: 'order.created',
    queue: 'orders',
  };
  return { place, stop: async () => process.stop() };
}

/**
 * Opens the RabbitMQ of AMQP_URL, or a private one. The core's publishes match no binding, which keeps the broker's work small.
 * At Nest's levels they go to a queue, since a returned message is a failure there. Deliveries are published beforehand.
 */
async function openRabbitMq() {
  const { connect } = await import('nest-amqp/client');
  const broker = await startRabbitMq();
  const url = new URL(broker.url);
  // Some clients have no default credentials.
  url.username ||= 'guest';
  url.password ||= 'guest';
  const connection = await connect(url.href);
  const channel = await connection.openChannel({ confirm: true });
  return {
    // Comparisons with our own cases, and imports, do not depend on the broker.
    takes: ({ against, work }) => against === undefined && work !== 'import',
    async open(measured) {
      const { work, level, answered } = measured;
      const queue = `nest-amqp-bench-${randomUUID()}`;
      const limit = work === 'confirm' && !answered ? { 'x-max-length': UNCONSUMED } : {};
      // The queue expires by itself if this process is killed.
      await channel.queueDeclare(queue, { durable: true, arguments: { 'x-expires': 120_000, ...limit } });
      const place = level
        ? { exchange: '', routingKey: queue, queue }
        : { exchange: 'amq.topic', routingKey: 'nest-amqp-bench.order.created', queue };
      if (work === 'deliver') place.deliveries = await fill(channel, queue, measured);
      const stop = async () => {
        await channel.queueDelete(queue);
      };
      return { place: { url: url.href, ...place }, stop };
    },
    async close() {
      await connection.close();
      await broker[Symbol.asyncDispose]();
    },
  };
}

async function fill(channel, queue, measured) {
  const delivery = deliveryOf(measured);
  const body = bodyOf(delivery);
  const count = Math.min(DELIVERIES[measured.level ?? 'core'], Math.floor(DELIVERIES_BYTES / body.length));
  for (let sent = 0; sent < count; sent += 1000) {
    const batch = Math.min(1000, count - sent);
    await Promise.all(Array.from({ length: batch }, () => channel.publish('', queue, body, delivery.properties)));
  }
  return count;
}

function deliveryOf({ size = 0, delivery = { size, properties: CORE_PROPERTIES } }) {
  return delivery;
}
