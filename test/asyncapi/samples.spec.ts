import 'reflect-metadata';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { beforeAll, describe, expect, it } from '@jest/globals';
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
  ['10-outbox', 'relay/relay.module.ts', 'RelayModule'],
  ['10-outbox', 'billing/billing.module.ts', 'BillingModule'],
] as const;

/** It writes into the outbox, which another service relays. */
const WITHOUT_AMQP = '10-outbox/src/shop/shop.module.ts';

describe('the document of sample', () => {
  beforeAll(() => {
    process.env['AMQP_URL'] = 'amqp://localhost';
  });

  it('none is left out', () => {
    const covered = new Set(MODULES.map(([sample, file]) => `${sample}/src/${file}`));
    expect(readdirSync('sample').toSorted()).toEqual([...new Set(MODULES.map(([sample]) => sample))]);
    expect(rootModules().toSorted()).toEqual([...covered, WITHOUT_AMQP].toSorted());
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

/** The modules of samples that no other module imports. */
function rootModules(): string[] {
  const files = readdirSync('sample', { recursive: true, encoding: 'utf8' }).filter((file) =>
    /^[^/]+\/src\/.*\.module\.ts$/.test(file),
  );
  const imported = new Set(
    files.flatMap((file) => {
      const text = readFileSync(join('sample', file), 'utf8');
      return [...text.matchAll(/from '(\..*\.module)\.js'/g)].map(([, path]) => `${join(dirname(file), path!)}.ts`);
    }),
  );
  return files.filter((file) => !imported.has(file));
}
