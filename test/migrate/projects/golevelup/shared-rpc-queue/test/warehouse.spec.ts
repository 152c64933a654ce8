import 'reflect-metadata';
import { Test } from '@nestjs/testing';
import { AppModule } from '../src/app.module';
import { WarehouseClient } from '../src/warehouse.client';

let app;
let warehouse: WarehouseClient;
beforeAll(async () => {
  app = (await Test.createTestingModule({ imports: [AppModule] }).compile()).createNestApplication();
  await app.init();
  warehouse = app.get(WarehouseClient);
});
afterAll(() => app.close());

it('passes each request to its handler', async () => {
  expect(await warehouse.count('bolt')).toBe(12);
  expect(await warehouse.reserve('bolt', 5)).toBe(true);
  expect(await warehouse.reserve('nut', 5)).toBe(false);
  expect(await warehouse.count('bolt')).toBe(7);
  expect(await warehouse.report()).toEqual({ bolt: 7, nut: 3 });
});

it('passes many requests at once to their handlers', async () => {
  const counts = await Promise.all(Array.from({ length: 20 }, () => warehouse.count('nut')));
  const reports = await Promise.all(Array.from({ length: 20 }, () => warehouse.report()));
  expect(counts).toEqual(Array.from({ length: 20 }, () => 3));
  expect(reports.every(({ nut }) => nut === 3)).toBe(true);
});
