import 'reflect-metadata';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { beforeAll, describe, it } from '@jest/globals';
import { AmqpServer, type AmqpTransportOptions } from 'nest-amqp/microservices';
import { AmqpAsyncApi } from 'nest-amqp/asyncapi';
import { expectGolden } from './support/golden.js';

/** The modules of the samples. */
const MODULES = [
  ['01-orders', 'app.module.ts', 'AppModule'],
  ['02-retry-and-parking', 'app.module.ts', 'AppModule'],
  ['03-rpc', 'app.module.ts', 'AppModule'],
  ['04-batch', 'app.module.ts', 'AppModule'],
  ['05-several-connections', 'app.module.ts', 'AppModule'],
  ['06-microservice', 'gateway/gateway.module.ts', 'GatewayModule', 'EVENTS'],
  ['06-microservice', 'orders/orders.module.ts', 'OrdersModule', 'ORDERS'],
  ['06-microservice', 'stock/stock.module.ts', 'StockModule', 'STOCK'],
  ['07-testing', 'app.module.ts', 'AppModule'],
  ['08-observability', 'shop/shop.module.ts', 'ShopModule'],
  ['08-observability', 'billing/billing.module.ts', 'BillingModule'],
  ['09-contracts', 'shop/shop.module.ts', 'ShopModule'],
  ['09-contracts', 'billing/billing.module.ts', 'BillingModule'],
] as const;

describe('the document of sample', () => {
  beforeAll(() => {
    process.env['AMQP_URL'] = 'amqp://localhost';
  });

  it.each(MODULES)('%s, %s is golden', async (sample, file, name, ...[options]) => {
    const load = (path: string): Promise<Record<string, unknown>> =>
      import(pathToFileURL(resolve('sample', sample, 'src', path)).href) as Promise<Record<string, unknown>>;
    const module = (await load(file))[name] as Type;
    const app = (await Test.createTestingModule({ imports: [module] }).compile()).createNestApplication();
    // The main.ts of the sample connects the server.
    if (options) {
      const given = (await load('options.ts'))[options] as AmqpTransportOptions;
      app.connectMicroservice({ strategy: new AmqpServer({ ...given, noAck: false }) });
    }
    expectGolden(`${sample}-${name}`, await AmqpAsyncApi.createDocument(app));
    await app.close();
  });
});
