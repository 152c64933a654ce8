/**
 * One application in a process of its own, with or without a board, that measures its own CPU time. Arguments: URL of the broker;
 * `board` or `none`; number of idle consumers; milliseconds. Messages to the parent: `{ url }` of the board; after its `go`,
 * `{ cpu, messages }`: CPU microseconds, and messages that were published with a confirm, consumed and acknowledged meanwhile.
 */
import 'reflect-metadata';
import { setTimeout as delay } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AmqpConsumer, AmqpModule, classicQueue, ConfirmingPublisher } from 'nest-amqp';
import { AmqpBoardModule } from 'nest-amqp/board';
import { PAYLOAD } from '../nest/payload.mjs';

const [url, board, idle, milliseconds] = process.argv.slice(2);
/** Publishes under way at once. */
const TOGETHER = 200;
/** Messages before the measurement; milliseconds, for an application without messages. */
const WARM_UP = 20_000;
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

async function measure() {
  const isIdle = idle !== '0';
  if (isIdle) await delay(WARM_UP);
  else while (handled < WARM_UP) await group();
  const [from, before, end] = [handled, process.cpuUsage(), performance.now() + Number(milliseconds)];
  if (isIdle) await delay(Number(milliseconds));
  else while (performance.now() < end) await group();
  const { user, system } = process.cpuUsage(before);
  return { cpu: user + system, messages: handled - from };
}

process.once('message', async () => {
  process.send(await measure());
  await app.close();
  process.disconnect();
});
process.send({ url: `${await app.getUrl()}/amqp` });
