import { Module } from '@nestjs/common';
import { DemoBrokerModule } from '../demo/demo-broker.module.js';
import { DemoController } from '../demo/demo.controller.js';
import { BillingConsumer } from './billing.consumer.js';
import { Carrier } from './carrier.js';
import { OrderEvents } from './order-events.js';
import { OrdersController } from './orders.controller.js';
import { ShippingConsumer } from './shipping.consumer.js';

@Module({
  imports: [DemoBrokerModule],
  controllers: [OrdersController, DemoController],
  providers: [OrderEvents, Carrier, BillingConsumer, ShippingConsumer],
})
export class OrdersModule {}
