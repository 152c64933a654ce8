import 'reflect-metadata';
import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AmqpConsumerRegistry, ConfirmingPublisher, ParkingLot } from 'nest-amqp';
import { filter, firstValueFrom } from 'rxjs';
import { AppModule } from './app.module.js';
import { Bank } from './bank.js';
import { BillingConsumer } from './billing.consumer.js';

const queue = 'sample-02.billing';
const logger = new Logger('Story');
const app = await NestFactory.createApplicationContext(AppModule);
const publisher = app.get(ConfirmingPublisher, { strict: false });
const parkingLot = app.get(ParkingLot, { strict: false });
const { failures$ } = app.get(AmqpConsumerRegistry, { strict: false });

const parked = firstValueFrom(failures$.pipe(filter(({ decision }) => decision === 'park')));
const orders = [
  { id: 1, amount: 10 },
  { id: 2, amount: 0 },
  { id: 3, amount: 30 },
];
for (const order of orders) await publisher.sendToQueue(queue, order, { messageId: `order-${order.id}` });

await parked;
for (const { messageId, attempts, lastFailure } of await parkingLot.list(queue)) {
  logger.log(`Parked: ${messageId} after ${attempts} attempts, ${lastFailure?.message}`);
}

app.get(Bank).up = true;
logger.log('The bank is back');
const billed = firstValueFrom(app.get(BillingConsumer).billed);
await parkingLot.redrive(queue);
await billed;
await app.close();
