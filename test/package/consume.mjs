/** Publishes a message with a confirm and consumes it, with the packed package. */
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AmqpConsumer, AmqpModule, ConfirmingPublisher, classicQueue } from 'nest-amqp';
import { MessageReturnedError } from 'nest-amqp/client';

const queue = 'package-check-' + process.pid;
const received =
  Promise.withResolvers?.() ??
  (() => {
    const ends = {};
    ends.promise = new Promise((resolve) => {
      ends.resolve = resolve;
    });
    return ends;
  })();
class Consumer {
  onMessage(payload) {
    received.resolve(payload);
  }
}
// Applies the decorators as a TypeScript compiler does.
AmqpConsumer(queue)(Consumer.prototype, 'onMessage', Object.getOwnPropertyDescriptor(Consumer.prototype, 'onMessage'));
class AppModule {}
Module({
  imports: [
    AmqpModule.forRoot({
      url: process.env.AMQP_URL,
      topology: { queues: [classicQueue(queue, { autoDelete: true })] },
    }),
  ],
  providers: [Consumer],
})(AppModule);

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['warn', 'error'] });
const receipt = await app.get(ConfirmingPublisher).sendToQueue(queue, { hello: 'tarball' });
const payload = await received.promise;
const unroutable = await app
  .get(ConfirmingPublisher)
  .sendToQueue(queue + '-missing', {})
  .catch((error) => error);
await app.close();
if (!(unroutable instanceof MessageReturnedError)) throw new Error('nest-amqp/client has error classes of its own');
if (payload.hello !== 'tarball' || !receipt.messageId) throw new Error('consumed ' + JSON.stringify(payload));
