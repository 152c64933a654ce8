import 'reflect-metadata';
import { Test } from '@nestjs/testing';
import { AppModule } from '../src/app.module';
import { ShippingConsumer } from '../src/shipping/shipping.consumer';
import { ShippingPublisher } from '../src/shipping/shipping.publisher';

let app;
beforeAll(async () => {
  app = (await Test.createTestingModule({ imports: [AppModule] }).compile()).createNestApplication();
  await app.init();
});
afterAll(() => app.close());

it('ships what is paid', async () => {
  await eventually(async () => {
    await app.get(ShippingPublisher).paid(7);
    expect(app.get(ShippingConsumer).shipped).toContain(7);
  });
});

it('dead-letters what fails', async () => {
  await app.get(ShippingPublisher).paid(-1);
  await eventually(() => expect(app.get(ShippingConsumer).dead).toEqual([-1]));
});
