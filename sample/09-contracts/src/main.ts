import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { EmbeddedBroker } from 'nest-amqp/broker';
import { BillingModule } from './billing/billing.module.js';
import { Shop } from './shop/shop.js';
import { ShopModule } from './shop/shop.module.js';

// Each service would be a program of its own; here both run in one process, each with its own connections.
const broker = process.env['AMQP_URL'] ? undefined : await EmbeddedBroker.start();
if (broker) process.env['AMQP_URL'] = broker.url;
const logger = ['error', 'warn'] as const;
const billing = await NestFactory.createApplicationContext(BillingModule, { logger: [...logger] });
const service = await NestFactory.createApplicationContext(ShopModule, { logger: [...logger] });

const shop = service.get(Shop);
await shop.place({ id: 'o-1', lines: [{ item: 'lamp', quantity: 2 }] });
const { id, cents } = await shop.billed;
console.log(`order ${id} is billed: ${cents} cents`);

await service.close();
await billing.close();
await broker?.close();
