import { randomUUID } from 'node:crypto';
import { startRabbitMq } from '../.build/support/rabbitmq.js';
import { bodyOf } from './body.mjs';
import { start } from './processes.mjs';
import { queueNames } from './start/names.mjs';

/** Milliseconds that the sink or the proxy may take to start. */
const START_TIMEOUT = 10_000;
/**
 * The deliveries that RabbitMQ holds ready for each second of a measurement, since it cannot deliver endlessly: about as many as a
 * client consumes. A measurement ends when they are consumed, and its second half counts.
 */
const DELIVERIES_PER_SECOND = { core: 40_000, module: 20_000, transport: 20_000 };
const FILL_BATCH = 5_000;
const DELIVERIES_BYTES = 256 * 1024 * 1024;
/**
 * Length limit of a queue without a consumer, so that publishes do not pile up. Queues of requests have none: no request may be
 * dropped.
 */
const UNCONSUMED = 1000;
const CORE_PROPERTIES = { contentType: 'application/octet-stream', deliveryMode: 2 };

/**
 * The place of a run: its URL and the names to use. `stop()` deletes what `open()` has declared.
 *
 * @typedef {{ url: string, exchange: string, routingKey: string, queue: string, deliveries?: number, queues?: string[] }} Place
 * @typedef {object} Target
 * @property {(measured: import('./cases.mjs').Case) => boolean} takes
 * @property {(measured: import('./cases.mjs').Case, seconds: number) => Promise<{ place: Place, stop(): Promise<void> }>} open
 *   a place for a measurement that takes so many seconds with its warm-up
 * @property {() => Promise<void>} close
 */

/** @type {Record<string, () => Promise<Target>>} */
const targets = {
  sink: async () => ({ takes: ({ brokerOnly }) => !brokerOnly, open: openSink, close: async () => {} }),
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
  const { port } = await process.message(START_TIMEOUT);
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
  const others = new Set();
  return {
    // Comparisons with our own cases, and imports, do not depend on the broker.
    takes: ({ against, work }) => against === undefined && work !== 'import',
    open: (measured, seconds) =>
      measured.queues ? openQueues(channel, url, measured, others) : openQueue(channel, url, measured, seconds),
    async close() {
      await Promise.all([...others].map((name) => channel.queueDelete(name)));
      await connection.close();
      await broker[Symbol.asyncDispose]();
    },
  };
}

async function openQueue(channel, url, measured, seconds) {
  const { work, level } = measured;
  const queue = `nest-amqp-bench-${randomUUID()}`;
  const limit = work === 'confirm' ? { 'x-max-length': UNCONSUMED } : {};
  // The queue expires by itself if this process is killed.
  // The deliveries were published beforehand, so their queue needs no disk.
  const durable = work !== 'deliver';
  await channel.queueDeclare(queue, { durable, arguments: { 'x-expires': 120_000, ...limit } });
  const place = level
    ? { exchange: '', routingKey: queue, queue }
    : { exchange: 'amq.topic', routingKey: 'nest-amqp-bench.order.created', queue };
  if (work === 'deliver') place.deliveries = await fill(channel, queue, measured, seconds);
  const stop = async () => {
    await channel.queueDelete(queue);
  };
  return { place: { url: url.href, ...place }, stop };
}

/** Declares the queues of an application, adds their names to `declared`, and leaves them for the next round. */
async function openQueues(channel, url, { queues: count, roundTrip }, declared) {
  const queues = queueNames(count);
  const missing = queues.filter((name) => !declared.has(name));
  const options = { durable: true, arguments: { 'x-queue-type': 'classic' } };
  await Promise.all(missing.map((name) => channel.queueDeclare(name, options)));
  for (const name of missing) declared.add(name);
  if (!roundTrip) return { place: { url: url.href, queues }, stop: async () => {} };
  const proxy = start('start/delay-proxy.mjs', { host: url.hostname, port: Number(url.port || 5672), roundTrip });
  const { port } = await proxy.message(START_TIMEOUT);
  const through = new URL(url);
  through.hostname = '127.0.0.1';
  through.port = String(port);
  return { place: { url: through.href, queues }, stop: async () => proxy.stop() };
}

async function fill(channel, queue, measured, seconds) {
  const delivery = deliveryOf(measured);
  const body = bodyOf(delivery);
  const count = Math.ceil(
    Math.min(DELIVERIES_PER_SECOND[measured.level ?? 'core'] * seconds, DELIVERIES_BYTES / body.length),
  );
  for (let sent = 0; sent < count; sent += FILL_BATCH) {
    const batch = Math.min(FILL_BATCH, count - sent);
    await Promise.all(Array.from({ length: batch }, () => channel.publish('', queue, body, delivery.properties)));
  }
  return count;
}

function deliveryOf({ size = 0, delivery = { size, properties: CORE_PROPERTIES } }) {
  return delivery;
}
