import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { ConfirmingPublisher } from 'nest-amqp';
import { AppModule } from './app.module.js';
import { Billing, type Order } from './billing.js';

if (!process.env['AMQP_URL']) {
  console.error('AMQP_URL is not set. Set it to your broker, amqp://localhost for one.');
  process.exit(1);
}

const app = await NestFactory.createApplicationContext(AppModule);
const order: Order = { id: 1, item: 'Lamp' };
await app.get(ConfirmingPublisher, { strict: false }).sendToQueue('sample-05.orders', order);
console.log(`Order ${await app.get(Billing).paid} is paid`);
await app.close();
