/**
 * An application that `@nestjs/observe` watches, in a process of its own, since Jest does not run the agent's worker thread.
 * Its ingest endpoint is in this process. Prints each operation that the agent has sent, one JSON line each, until the
 * standard input ends. Arguments: URL, queue.
 */
import 'reflect-metadata';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { createObserveModule } from '@nestjs/observe';
import { AmqpConsumer, AmqpModule, ConfirmingPublisher, quorumQueue } from 'nest-amqp';

const [url, queue] = process.argv.slice(2);

const ingest = createServer((request, response) => {
  void buffer(request).then((body) => {
    for (const operation of JSON.parse(gunzipSync(body).toString()).snapshots) console.log(JSON.stringify(operation));
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
}).listen(0, '127.0.0.1');
await once(ingest, 'listening');

class Billing {
  onOrder() {}
}
Injectable()(Billing);
AmqpConsumer(queue)(Billing.prototype, 'onOrder', Object.getOwnPropertyDescriptor(Billing.prototype, 'onOrder'));

const { ObserveModule, ObserveInstrument } = createObserveModule();
const observe = ObserveModule.forRoot({
  appKey: 'key',
  appSecret: 'secret',
  serviceId: 'billing',
  endpoint: `http://127.0.0.1:${ingest.address().port}`,
  flushInterval: 1_000,
});
class RootModule {}
const amqp = AmqpModule.forRoot({ url, topology: { queues: [quorumQueue(queue)] } });
Module({ imports: [amqp, observe], providers: [Billing] })(RootModule);

const app = await NestFactory.createApplicationContext(RootModule, { logger: false, instrument: ObserveInstrument });
await app.get(ConfirmingPublisher, { strict: false }).sendToQueue(queue, 'order');
process.stdin.resume().on('end', () => void app.close().then(() => process.exit(0)));
