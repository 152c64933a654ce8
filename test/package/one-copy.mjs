/** Checks that `import` and `require` of one process get the same package: equal classes, tokens and errors. */
import 'reflect-metadata';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AmqpConsumer, classicQueue, ConfirmingPublisher } from 'nest-amqp';

const require = createRequire(import.meta.url);
const { AmqpModule } = require('nest-amqp');

// A test runner that does not know `module-sync` loads these files: they export the same names.
for (const entry of ['index', 'microservices', 'client', 'broker', 'testing']) {
  const name = entry === 'index' ? 'nest-amqp' : `nest-amqp/${entry}`;
  const imported = await import(name);
  const required = require(name);
  const commonJs = require(join(import.meta.dirname, `node_modules/nest-amqp/dist/${entry}.cjs`));
  const names = Object.keys(imported).sort();
  if (names.length === 0) throw new Error(`${name} exports nothing`);
  for (const key of names) {
    if (imported[key] !== required[key]) throw new Error(`${key} of ${name} differs between import and require`);
  }
  if (names.join() !== Object.keys(commonJs).sort().join())
    throw new Error(`${entry}.cjs exports ${Object.keys(commonJs)}`);
}

// The module comes from require, its consumer and publisher from import, its errors from both.
const queue = `package-check-mixed-${process.pid}`;
let received;
const payload = new Promise((resolve) => (received = resolve));
class Consumer {
  onMessage(payload) {
    received(payload);
  }
}
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
await app.get(ConfirmingPublisher).sendToQueue(queue, { hello: 'both' });
if ((await payload).hello !== 'both') throw new Error('consumed something else');
const unroutable = await app
  .get(ConfirmingPublisher)
  .sendToQueue(`${queue}-missing`, {})
  .catch((error) => error);
await app.close();
if (!(unroutable instanceof require('nest-amqp/client').MessageReturnedError)) {
  throw new Error(`not the MessageReturnedError of require: ${unroutable}`);
}
