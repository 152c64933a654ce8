/**
 * One application in a process of its own, with or without a board, that measures its own CPU time. Arguments: URL of the broker;
 * `board` or `none`; number of idle consumers. Messages to the parent: `{ url }` of the board; for each number of milliseconds from
 * it, `{ cpu, messages }`: CPU microseconds, and messages that were published with a confirm, consumed and acknowledged in that time.
 * It ends at `end`.
 */
import 'reflect-metadata';
import { setTimeout as delay } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AmqpConsumer, AmqpModule, classicQueue, ConfirmingPublisher } from 'nest-amqp';
import { AmqpBoardModule } from 'nest-amqp/board';
import { PAYLOAD } from '../nest/payload.mjs';

const [url, board, idle] = process.argv.slice(2);
/** Publishes under way at once. */
const TOGETHER = 200;
/** Milliseconds of the same work before each measurement; an application without messages needs more until its code is compiled. */
const BEFORE = idle === '0' ? 1_000 : 15_000;
const QUEUE = 'bench-board';

let handled = 0;
let wake = () => {};
class Orders {
  onOrder() {
    if (++handled % TOGETHER === 0) wake();
  }
}
const consumed = [QUEUE, ...Array.from({ length: Number(idle) }, (_, n) => `bench-board-${n}`)];
for (const [n, queue] of consumed.entries()) {
  const method = n === 0 ? 'onOrder' : `on${n}`;
  Orders.prototype[method] ??= () => {};
  const options = { prefetch: TOGETHER, retry: false };
  AmqpConsumer(queue, options)(Orders.prototype, method, Object.getOwnPropertyDescriptor(Orders.prototype, method));
}
const queues = consumed.map((name) => classicQueue(name, { durable: false, autoDelete: true }));
class AppModule {}
Module({
  imports: [
    AmqpModule.forRoot({ url, topology: { queues } }),
    ...(board === 'board' ? [AmqpBoardModule.forRoot({ path: '/amqp', guardedElsewhere: true })] : []),
  ],
  providers: [Orders],
})(AppModule);
const app = await NestFactory.create(AppModule, { logger: ['error'] });
await app.listen(0, '127.0.0.1');
const publisher = app.get(ConfirmingPublisher, { strict: false });

/** Publishes groups, each after the one before was confirmed and handled. */
async function group() {
  const all = new Promise((resolve) => (wake = resolve));
  await Promise.all(Array.from({ length: TOGETHER }, () => publisher.sendToQueue(QUEUE, PAYLOAD)));
  await all;
}

async function work(milliseconds) {
  const end = performance.now() + milliseconds;
  if (idle !== '0') await delay(milliseconds);
  else while (performance.now() < end) await group();
}

async function measure(milliseconds) {
  await work(BEFORE);
  const [from, before] = [handled, process.cpuUsage()];
  await work(milliseconds);
  const { user, system } = process.cpuUsage(before);
  return { cpu: user + system, messages: handled - from };
}

async function end() {
  await app.close();
  process.disconnect();
}

process.on('message', async (milliseconds) => {
  if (milliseconds === 'end') await end();
  else process.send(await measure(milliseconds));
});
process.once('disconnect', () => process.exit());
process.send({ url: `${await app.getUrl()}/amqp` });
