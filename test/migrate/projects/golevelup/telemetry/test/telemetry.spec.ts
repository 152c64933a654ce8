import 'reflect-metadata';
import { Test } from '@nestjs/testing';
import { AlarmsListener } from '../src/alarms.listener';
import { Gauge } from '../src/gauge';
import { ReadingsListener } from '../src/readings.listener';
import { TelemetryModule } from '../src/telemetry.module';

let app;
beforeAll(async () => {
  app = (await Test.createTestingModule({ imports: [TelemetryModule] }).compile()).createNestApplication();
  await app.init();
});
afterAll(() => app.close());

it('gathers readings', async () => {
  for (const value of [1, 2, 3, 4, 5]) await app.get(Gauge).measure('s1', value);
  await eventually(() => expect(app.get(ReadingsListener).batches.flat()).toEqual([1, 2, 3, 4, 5]));
});

it('raises an alarm until it is heard', async () => {
  await app.get(Gauge).raise('fire');
  await eventually(() => expect(app.get(AlarmsListener).raised).toEqual(['fire']));
  expect(app.get(AlarmsListener).attempts).toBe(3);
});
