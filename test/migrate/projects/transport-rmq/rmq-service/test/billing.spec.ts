import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { BillingService } from '../src/billing/billing.service';
import { bootstrap } from '../src/billing/main';
import { OrdersModule, OrdersService } from '../src/orders/orders.module';

it('bills an order', async () => {
  const billing = await bootstrap();
  const orders = await NestFactory.createApplicationContext(OrdersModule, { logger: ['error'] });
  await orders.get(OrdersService).createOrder({ name: 'lamp' });
  await eventually(() => expect(billing.get(BillingService).bills).toEqual([{ request: { name: 'lamp' } }]));
  await orders.close();
  await billing.close();
});
