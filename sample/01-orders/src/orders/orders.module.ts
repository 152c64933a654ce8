import { Module } from '@nestjs/common';
import { BillingConsumer } from './billing.consumer.js';
import { OrderEvents } from './order-events.js';
import { OrdersController } from './orders.controller.js';

@Module({
  controllers: [OrdersController],
  providers: [OrderEvents, BillingConsumer],
})
export class OrdersModule {}
