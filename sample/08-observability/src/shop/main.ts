import 'reflect-metadata';
import { trace } from '@opentelemetry/api';
import { runService } from '../service.js';
import { Shop } from './shop.js';
import { ShopModule } from './shop.module.js';

await runService('shop', ShopModule, async (app) => {
  const shop = app.get(Shop);
  // In a web application this is the span of the HTTP request.
  await trace.getTracer('shop').startActiveSpan('place an order', async (span) => {
    await shop.place({ id: 1, item: 'lamp' });
    span.end();
  });
  const { id } = await shop.billed;
  process.send?.(`order ${id} is billed`);
});
