/**
 * An application that `@nestjs/observe` watches, in a process of its own, since Jest does not run the agent's worker thread.
 * Its ingest endpoint is in this process. Prints each operation that the agent has sent, one JSON line each, until the
 * standard input ends. Arguments: URL, prefix of the queues' names.
 *
 * `onOrder` handles an order, for which it requests a price from `price`; `onReadings` handles two readings at once.
 */
import 'reflect-metadata';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { Inject, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { createObserveModule } from '@nestjs/observe';
import { AmqpBatchConsumer, AmqpConsumer, AmqpModule, AmqpRpc, ConfirmingPublisher, quorumQueue } from 'nest-amqp';

const [url, prefix] = process.argv.slice(2);
const [orders, readings, prices] = ['orders', 'readings', 'prices'].map((name) => `${prefix}.${name}`);

const ingest = createServer((request, response) => {
  void buffer(request).then((body) => {
    for (const operation of JSON.parse(gunzipSync(body).toString()).snapshots) console.log(JSON.stringify(operation));
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
}).listen(0, '127.0.0.1');
await once(ingest, 'listening');

class Billing {
  constructor(publisher) {
    this.publisher = publisher;
  }

  async onOrder(item) {
    await this.publisher.request('', prices, item);
  }

  onReadings() {}

  price(item) {
    if (item === 'unknown') throw new Error('no such item');
    return 3;
  }
}
Injectable()(Billing);
Inject(ConfirmingPublisher)(Billing, undefined, 0);
decorate('onOrder', AmqpConsumer(orders, { retry: { attempts: 1, then: 'dead-letter' } }));
decorate('onReadings', AmqpBatchConsumer(readings, { size: 2 }));
decorate('price', AmqpRpc(prices));

const { ObserveModule, ObserveInstrument } = createObserveModule();
const observe = ObserveModule.forRoot({
  appKey: 'key',
  appSecret: 'secret',
  serviceId: 'billing',
  endpoint: `http://127.0.0.1:${ingest.address().port}`,
  flushInterval: 1_000,
});
class RootModule {}
const queues = [orders, readings, prices].map((name) => quorumQueue(name));
const amqp = AmqpModule.forRoot({ url, topology: { queues } });
Module({ imports: [amqp, observe], providers: [Billing] })(RootModule);

const app = await NestFactory.createApplicationContext(RootModule, { logger: false, instrument: ObserveInstrument });
const publisher = app.get(ConfirmingPublisher, { strict: false });
await publisher.sendToQueue(orders, 'tea');
await publisher.sendToQueue(orders, 'unknown');
await Promise.all([1, 2].map((reading) => publisher.sendToQueue(readings, reading)));
process.stdin.resume().on('end', () => void app.close().then(() => process.exit(0)));

function decorate(method, decorator) {
  decorator(Billing.prototype, method, Object.getOwnPropertyDescriptor(Billing.prototype, method));
}
