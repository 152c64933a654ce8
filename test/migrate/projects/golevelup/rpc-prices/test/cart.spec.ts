import 'reflect-metadata';
import { Test } from '@nestjs/testing';
import { AppModule } from '../src/app.module';
import { CartService } from '../src/cart.service';

let app;
let cart: CartService;
beforeAll(async () => {
  app = (await Test.createTestingModule({ imports: [AppModule] }).compile()).createNestApplication();
  await app.init();
  cart = app.get(CartService);
});
afterAll(() => app.close());

it('asks for prices', async () => {
  expect(await cart.total(['lamp', 'chair', 'nothing'])).toBe(16_900);
});

it('asks for all items', async () => {
  expect(await cart.items()).toEqual(['chair', 'lamp']);
});
