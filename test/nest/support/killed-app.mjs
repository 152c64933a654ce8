/**
 * An application that kills itself with SIGKILL at one point of a message's route. kill-points.spec.ts runs it with the compiled
 * library, so this file is plain JavaScript.
 *
 *     node killed-app.mjs <folder of the compiled library> <the broker's URL> <queue> <task> <event> <delay>
 *
 * The process dies at the first `event` (publish, confirm, deliver, settle) of its client, or before it declares the delay or parked
 * queue (declare): at once, before the bytes of the event have left the process, or one turn later, after they have.
 */
import 'reflect-metadata';
import { Socket } from 'node:net';
import { subscribe } from 'node:diagnostics_channel';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

const [folder, url, queue, task, event, delay] = process.argv.slice(2);
const { AmqpConsumer, AmqpModule, fixed, ParkingLot, quorumQueue } = await import(`${folder}/src/index.js`);

const die = () => process.kill(process.pid, 'SIGKILL');
const onEvent = () => {
  if (delay === 'at-once') die();
  // The client flushes at the end of the turn.
  else setImmediate(() => setImmediate(die));
};
if (event === 'declare') {
  const target = Buffer.from(task === 'retry' ? `${queue}.retry.50` : `${queue}.parked`);
  const { write } = Socket.prototype;
  // The first bytes with the queue's name are its declaration.
  Socket.prototype.write = function (chunk, ...rest) {
    if (Buffer.from(chunk).includes(target)) onEvent();
    return write.call(this, chunk, ...rest);
  };
} else subscribe(`nest-amqp:${event}`, onEvent);

class Billing {
  onOrder() {
    throw new Error('from the killed process');
  }
}
Injectable()(Billing);
if (task === 'retry' || task === 'park') {
  const retry = { attempts: task === 'retry' ? 2 : 1, backoff: fixed(50) };
  const method = Object.getOwnPropertyDescriptor(Billing.prototype, 'onOrder');
  AmqpConsumer(queue, { retry })(Billing.prototype, 'onOrder', method);
}

class RootModule {}
Module({ imports: [AmqpModule.forRoot({ url, topology: { queues: [quorumQueue(queue)] } })], providers: [Billing] })(
  RootModule,
);

const app = await NestFactory.createApplicationContext(RootModule, { logger: false });
const lot = app.get(ParkingLot, { strict: false });
if (task === 'redrive') await lot.redrive(queue);
if (task === 'edit')
  await lot.redrive(queue, { edit: () => ({ payload: Buffer.from('2'), headers: { edited: 'yes' } }) });
if (task === 'look') await lot.list(queue, { limit: 1_000 });
