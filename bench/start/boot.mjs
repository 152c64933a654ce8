/**
 * One start, in a process of its own: `node boot.mjs client|nest <url> <consumers> quorum|classic`. Prints its seconds,
 * measured from the first call of the library until every consumer consumes, and the CPU seconds of the process.
 */
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AmqpConsumer, AmqpConsumerRegistry, AmqpModule, classicQueue, quorumQueue } from 'nest-amqp';
import { connect } from 'nest-amqp/client';
import { queueNames } from './names.mjs';

const [kind, url, count, type] = process.argv.slice(2);
const names = queueNames(Number(count));
const queues = names.map((name) => (type === 'quorum' ? quorumQueue(name) : classicQueue(name)));
/** Milliseconds. The first start may take long on a busy machine, and is still measured. */
const PATIENCE = 600_000;
/** Handlers of one class. */
const METHODS = 10;

const starts = { client: startClient, nest: startNest };
const begin = performance.now();
const cpu = process.cpuUsage();
const close = await starts[kind]();
const seconds = (performance.now() - begin) / 1_000;
const { user, system } = process.cpuUsage(cpu);
console.log(JSON.stringify({ seconds, cpu: (user + system) / 1_000_000 }));
await close();

async function startClient() {
  const connection = await connect(url, { rpcTimeout: PATIENCE });
  const first = await connection.openChannel();
  await Promise.all(queues.map(({ name, ...options }) => first.queueDeclare(name, options)));
  await Promise.all(
    names.map(async (name) => {
      const channel = await connection.openChannel({ prefetch: 10 });
      await channel.basicConsume(name, (delivery) => delivery.ack());
    }),
  );
  return () => connection.close();
}

async function startNest() {
  const providers = [];
  for (let from = 0; from < names.length; from += METHODS)
    providers.push(consumersOf(names.slice(from, from + METHODS)));
  class AppModule {}
  Module({
    imports: [
      AmqpModule.forRoot({ url, connection: { rpcTimeout: PATIENCE }, startupTimeout: PATIENCE, topology: { queues } }),
    ],
    providers,
  })(AppModule);
  const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error', 'warn'] });
  const states = app
    .get(AmqpConsumerRegistry, { strict: false })
    .list()
    .map(({ state }) => state);
  if (states.length !== names.length || states.some((state) => state !== 'consuming'))
    throw new Error('some consumers do not consume');
  return () => app.close();
}

function consumersOf(some) {
  class Consumers {}
  for (const [index, queue] of some.entries()) {
    const name = `handle${index}`;
    Object.defineProperty(Consumers.prototype, name, { value() {}, configurable: true, writable: true });
    AmqpConsumer(queue)(Consumers.prototype, name, Object.getOwnPropertyDescriptor(Consumers.prototype, name));
  }
  return Consumers;
}
