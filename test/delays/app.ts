/**
 * `node app.js <the broker's URL> <queue> <first> <count>`: an application that publishes `count` delayed messages, numbered from
 * `first`, and consumes their queue. It writes what happens to stdout, a line each, until it is killed. A line is written before
 * the consequence of what it tells, so that what the broker may forget has been told.
 */
import 'reflect-metadata';
import { writeSync } from 'node:fs';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  AmqpConsumer,
  AmqpModule,
  bindQueue,
  ConfirmingPublisher,
  Ctx,
  quorumQueue,
  topicExchange,
  type AmqpContext,
} from '../../src/index.js';
import type { Told } from './told.js';

const SHORTEST = 50;
const LONGEST = 2_500;
/** Pause between two publishes, ms. */
const PACE = 40;
const STDOUT = 1;

const [url, queue, first, count] = process.argv.slice(2) as [string, string, string, string];

function tell(told: Told): void {
  writeSync(STDOUT, `${JSON.stringify(told)}\n`);
}

class Reminders {
  @AmqpConsumer(queue)
  on(@Ctx() { headers }: AmqpContext): void {
    // The broker counts returned deliveries in a header.
    const {
      n,
      due,
      'x-delivery-count': _,
      ...others
    } = headers as { n: number; due: number; 'x-delivery-count'?: number };
    tell({ kind: 'handled', n, late: Date.now() - due, unknown: Object.keys(others) });
  }
}

const TOPOLOGY = {
  exchanges: [topicExchange(queue)],
  queues: [quorumQueue(queue)],
  bindings: [bindQueue(queue, queue, 'due')],
};

@Module({
  imports: [AmqpModule.forRoot({ url, topology: TOPOLOGY })],
  providers: [Reminders],
})
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
const publisher = app.get(ConfirmingPublisher, { strict: false });
tell({ kind: 'ready' });
for (let n = Number(first); n < Number(first) + Number(count); n++) {
  const delay = SHORTEST + Math.random() * (LONGEST - SHORTEST);
  const options = { delay, headers: { n, due: Date.now() + delay } };
  // Due messages of an exchange go through an application, those of a queue do not.
  const sent = n % 2 === 0 ? publisher.sendToQueue(queue, n, options) : publisher.publish(queue, 'due', n, options);
  // The publish of a lost connection rejects; the message counts only if it is confirmed.
  sent.then(
    () => tell({ kind: 'confirmed', n }),
    (error: unknown) => tell({ kind: 'failed', n, error: String(error) }),
  );
  await new Promise((resolve) => setTimeout(resolve, PACE));
}
