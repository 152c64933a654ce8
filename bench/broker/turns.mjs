/**
 * `npm run bench:broker -- --turns`: measures the longest turn of the embedded broker's event loop, during which no other
 * client is served, for large pieces of work. The broker has a process of its own; elapsed time includes the time of other
 * processes, processor time includes the threads that collect garbage.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from '../../dist/client.mjs';
import { startEmbedded } from './targets.mjs';

const QUEUES = 20_000;
const MESSAGES = 200_000;
const PUBLISHERS = 100;
const FANOUT = 1_500;
const body = Buffer.from('a small message, 32 bytes long..');

/** Each case prepares a broker, and returns the work that is measured. */
const cases = {
  [`one publish to ${QUEUES} queues`]: async (open) => {
    const { channel } = await open();
    await declareMany(channel, QUEUES, {});
    return () => channel.publish('amq.fanout', '', body);
  },
  [`2 publishes each of ${PUBLISHERS} connections to ${FANOUT} queues`]: async (open) => {
    const channels = [];
    for (let count = 0; count < PUBLISHERS; count++) channels.push((await open()).channel);
    await declareMany(channels[0], FANOUT, {});
    const burst = (channel) => Promise.all(Array.from({ length: 2 }, () => channel.publish('amq.fanout', '', body)));
    return () => Promise.all(channels.map(burst));
  },
  [`${MESSAGES} messages expire at once and are dead-lettered`]: async (open, broker) => {
    const { channel } = await open();
    await channel.queueDeclare('dead');
    await channel.queueDeclare('short', {
      arguments: { 'x-message-ttl': 600_000, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' },
    });
    await fill(channel, 'short', MESSAGES);
    return async () => {
      await broker.advance();
      await until(async () => (await ready(channel, 'dead')) === MESSAGES);
    };
  },
  [`basic.nack with requeue of ${MESSAGES} messages`]: async (open) => {
    const { channel } = await open();
    const last = await takeAll((await open()).channel, channel);
    return async () => {
      last.nack({ multiple: true });
      await until(async () => (await ready(channel, 'q')) === MESSAGES);
    };
  },
  [`a connection with ${MESSAGES} unacknowledged messages ends`]: async (open) => {
    const { channel } = await open();
    const consumer = await open();
    await takeAll(consumer.channel, channel);
    return async () => {
      await consumer.connection.close();
      await until(async () => (await ready(channel, 'q')) === MESSAGES);
    };
  },
  [`a queue with ${MESSAGES} messages is purged`]: async (open) => {
    const { channel } = await open();
    await channel.queueDeclare('q');
    await fill(channel, 'q', MESSAGES);
    return () => channel.queuePurge('q');
  },
  [`a connection with ${QUEUES} exclusive queues ends`]: async (open) => {
    const { channel } = await open();
    const owner = await open();
    await declareMany(owner.channel, QUEUES, { exclusive: true });
    return async () => {
      await owner.connection.close();
      await channel.exchangeDeclare('after', 'fanout');
    };
  },
  [`an exchange with ${QUEUES} bindings is deleted`]: async (open) => {
    const { channel } = await open();
    await channel.exchangeDeclare('many', 'fanout');
    await declareMany(channel, QUEUES, {}, 'many');
    return () => channel.exchangeDelete('many');
  },
};

/** Measures each case on a broker of its own, and prints the table. */
export async function reportTurns() {
  console.log('| work | longest turn, ms | its processor time, ms |');
  console.log('| --- | --- | --- |');
  for (const [what, prepare] of Object.entries(cases)) {
    const broker = await startEmbedded();
    const connections = [];
    const open = async () => {
      const connection = await connect(broker.url, { reconnect: false, heartbeat: 0 });
      connections.push(connection);
      return { connection, channel: await connection.openChannel({ confirm: true, restore: false }) };
    };
    try {
      const run = await prepare(open, broker);
      const { elapsed, processor } = await broker.longestTurn(run);
      console.log(`| ${what} | ${elapsed.toFixed(1)} | ${processor.toFixed(1)} |`);
    } finally {
      await Promise.all(connections.map((connection) => connection.close()));
      await broker.stop();
    }
  }
}

async function declareMany(channel, count, options, exchange = 'amq.fanout') {
  const batch = 1_000;
  for (let from = 0; from < count; from += batch) {
    const names = Array.from({ length: Math.min(batch, count - from) }, (_, index) => `many.${from + index}`);
    await Promise.all(names.map((name) => channel.queueDeclare(name, { durable: false, ...options })));
    await Promise.all(names.map((name) => channel.queueBind(name, exchange, '')));
  }
}

async function fill(channel, queue, count) {
  const batch = 5_000;
  for (let sent = 0; sent < count; sent += batch) {
    await Promise.all(Array.from({ length: batch }, () => channel.publish('', queue, body)));
  }
}

/** Fills the queue `q`, and leaves all messages with the consumer, unacknowledged. Returns the last delivery. */
async function takeAll(consumer, publisher) {
  await publisher.queueDeclare('q');
  await fill(publisher, 'q', MESSAGES);
  let seen = 0;
  const last = await new Promise((resolve) => {
    void consumer.basicConsume('q', (delivery) => void (++seen === MESSAGES && resolve(delivery)), {
      consumerTag: 'all',
    });
  });
  await consumer.basicCancel('all');
  return last;
}

async function ready(channel, queue) {
  return (await channel.queueDeclare(queue, { passive: true })).messageCount;
}

async function until(condition) {
  while (!(await condition())) await delay(100);
}
