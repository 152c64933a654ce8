import 'reflect-metadata';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { beforeAll, describe, it } from '@jest/globals';
import { AmqpAsyncApi } from 'nest-amqp/asyncapi';
import { expectGolden } from './support/golden.js';

/** The modules of the samples that import `AmqpModule`. Two services of sample 06 use the microservice transport alone. */
const MODULES = [
  ['01-orders', 'app.module.ts', 'AppModule'],
  ['02-retry-and-parking', 'app.module.ts', 'AppModule'],
  ['03-rpc', 'app.module.ts', 'AppModule'],
  ['04-batch', 'app.module.ts', 'AppModule'],
  ['05-several-connections', 'app.module.ts', 'AppModule'],
  ['06-microservice', 'gateway/gateway.module.ts', 'GatewayModule'],
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

  it.each(MODULES)('%s, %s is golden', async (sample, file, name) => {
    const path = resolve('sample', sample, 'src', file);
    const { [name]: module } = (await import(pathToFileURL(path).href)) as Record<string, Type>;
    const app = await Test.createTestingModule({ imports: [module!] }).compile();
    expectGolden(`${sample}-${name}`, await AmqpAsyncApi.createDocument(app));
    await app.close();
  });
});
