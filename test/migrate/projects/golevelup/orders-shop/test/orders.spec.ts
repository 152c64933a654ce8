import 'reflect-metadata';
import { Test } from '@nestjs/testing';
import { AppModule } from '../src/app.module';
import { BillingConsumer } from '../src/billing.consumer';
import { OrdersService } from '../src/orders.service';

describe('orders', () => {
  let app;
  let billing: BillingConsumer;
  let orders: OrdersService;

  beforeAll(async () => {
    const module = await Test.createTestingModule({ imports: [AppModule] }).compile();
    app = module.createNestApplication();
    await app.init();
    billing = app.get(BillingConsumer);
    orders = app.get(OrdersService);
  });
  afterAll(() => app.close());

  it('are billed and audited', async () => {
    await orders.create({ id: 'o1', item: 'lamp', total: 49 });
    await eventually(() => expect(billing.billed).toHaveLength(1));
    expect(billing.billed[0]).toEqual({ order: { id: 'o1', item: 'lamp', total: 49 }, key: 'order.created', source: 'shop' });
    await eventually(() => expect(billing.audited).toContain('o1'));
  });

  it('without a total go to the failed ones', async () => {
    await orders.create({ id: 'o2', item: 'lamp', total: 0 });
    await eventually(() => expect(billing.audited).toContain('failed o2'));
    expect(billing.billed.map(({ order }) => order.id)).not.toContain('o2');
  });

  it('can be cancelled', async () => {
    await orders.cancel('o1');
    await eventually(() => expect(billing.audited.filter((id) => id === 'o1')).toHaveLength(2));
  });
});
