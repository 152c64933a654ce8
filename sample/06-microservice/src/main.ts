import 'reflect-metadata';
import { Logger, ValidationPipe, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AmqpServer, AmqpService, type AmqpTransportOptions } from 'nest-amqp/microservices';
import { GatewayModule } from './gateway/gateway.module.js';
import { EVENTS, ORDERS, STOCK } from './options.js';
import { OrdersModule } from './orders/orders.module.js';
import { StockModule } from './stock/stock.module.js';

async function service(module: Type, options: AmqpTransportOptions): Promise<void> {
  const app = await NestFactory.createMicroservice(module, { strategy: new AmqpServer({ ...options, noAck: false }) });
  app.enableShutdownHooks();
  await app.listen();
}

async function gateway(): Promise<void> {
  const app = await NestFactory.create(GatewayModule);
  app.useGlobalPipes(new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true, transform: true }));
  // Without a queue name each gateway has its own queue, and so receives every event.
  const strategy = app.get(AmqpService).createServer({ ...EVENTS, noAck: false });
  app.connectMicroservice({ strategy });
  app.enableShutdownHooks();
  await app.startAllMicroservices();
  await app.listen(Number(process.env['PORT'] || 3000));
  new Logger('Gateway').log(`Open ${(await app.getUrl()).replace('[::1]', 'localhost')}/orders`);
}

const parts: Record<string, () => Promise<void>> = {
  stock: () => service(StockModule, STOCK),
  orders: () => service(OrdersModule, ORDERS),
  gateway,
};

const [, , only] = process.argv;
if (only !== undefined && !(only in parts)) {
  console.error(`There is no part '${only}': ${Object.keys(parts).join(', ')}, or nothing for all of them.`);
  process.exit(1);
}
for (const [name, start] of Object.entries(parts)) if (only === undefined || only === name) await start();
