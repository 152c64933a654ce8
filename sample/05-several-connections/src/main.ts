import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { AmqpConsumerRegistry, AmqpTopology, bindQueue, classicQueue, ConfirmingPublisher } from 'nest-amqp';
import { firstValueFrom, Subject } from 'rxjs';
import { AppModule } from './app.module.js';
import { Billing, type Invoice, type Order } from './billing.js';

if (!process.env['AMQP_URL']) {
  console.error('AMQP_URL is not set. Set it to your broker, amqp://localhost for one.');
  process.exit(1);
}

const app = await NestFactory.createApplicationContext(AppModule);

// A customer who gets a copy of each invoice comes while the application runs, and goes.
const customer = 'sample-05.acme';
const topology = app.get(AmqpTopology, { strict: false });
const billing = { connection: 'billing' };
const bindings = [bindQueue(customer, 'sample-05.invoices', 'invoice.created')];
await topology.declare({ queues: [classicQueue(customer)], bindings }, billing);
const copied = new Subject<Invoice>();
const copy = firstValueFrom(copied);
const copies = await app
  .get(AmqpConsumerRegistry, { strict: false })
  .add(customer, (invoice: Invoice) => copied.next(invoice), { ...billing, name: 'copies for acme' });

const order: Order = { id: 1, item: 'Lamp' };
await app.get(ConfirmingPublisher, { strict: false }).sendToQueue('sample-05.orders', order);
console.log(`Order ${await app.get(Billing).paid} is paid`);
const { text } = await copy;
console.log(`A copy for acme: ${text}`);
await copies.stop();
await topology.delete({ queues: [customer] }, billing);
await app.close();
