import { Buffer } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { start } from './processes.mjs';

/** Milliseconds. */
const SINK_START_TIMEOUT = 10_000;
/** What RabbitMQ has ready for a consumer; it could not deliver endlessly. */
const DELIVERIES = 100_000;
const DELIVERIES_BYTES = 64 * 1024 * 1024;

/**
 * Where a run goes: its URL and the names to use there. `stop()` leaves nothing behind.
 *
 * @typedef {{ url: string, exchange: string, routingKey: string, queue: string, deliveries?: number }} Place
 * @typedef {(measured: import('./cases.mjs').Case) => Promise<{ place: Place, stop(): Promise<void> }>} Target
 */

/** @type {Target} */
export async function sink(measured) {
  const { consumers = 1, unconfirmed = 0, work } = measured;
  const echo = work === 'round-trip';
  const holdConfirms = Math.max(0, unconfirmed - 1000);
  const process = start('sink/main.mjs', { delivery: deliveryOf(measured), consumers, echo, holdConfirms });
  const { port } = await process.message(SINK_START_TIMEOUT);
  const place = {
    url: `amqp://guest:guest@127.0.0.1:${port}`,
    exchange: 'orders',
    routingKey: 'order.created',
    queue: 'orders',
  };
  return { place, stop: async () => process.stop() };
}

/**
 * RabbitMQ: publishes match no binding, so that the broker has little to do; what is to be delivered is there before.
 *
 * @param {string} url
 * @returns {Target}
 */
export function rabbitmq(url) {
  return async ({ work, size = 0, count }) => {
    const { connect } = await import('nest-amqp/client');
    const connection = await connect(url);
    const channel = await connection.openChannel({ confirm: true });
    const queue = `nest-amqp-bench-${randomUUID()}`;
    // Were we killed, it would still go.
    await channel.queueDeclare(queue, { durable: true, arguments: { 'x-expires': 120_000 } });
    const place = { url, exchange: 'amq.topic', routingKey: 'nest-amqp-bench.order.created', queue };
    if (work === 'deliver') {
      place.deliveries = count ?? Math.min(DELIVERIES, Math.floor(DELIVERIES_BYTES / size));
      await fill(channel, queue, place.deliveries, Buffer.alloc(size, 'x'));
    }
    const stop = async () => {
      await channel.queueDelete(queue);
      await connection.close();
    };
    return { place, stop };
  };
}

async function fill(channel, queue, count, body) {
  for (let sent = 0; sent < count; sent += 1000) {
    const batch = Math.min(1000, count - sent);
    await Promise.all(Array.from({ length: batch }, () => channel.publish('', queue, body)));
  }
}
