/** The contracts of the two services. Each service depends on this package, and on nothing of the other. */
import { defineEvents, defineRpc } from 'nest-amqp';
import { z } from 'zod';

const Line = z.object({ item: z.string(), quantity: z.int().min(1) });

export const OrderCreated = z.object({ id: z.string(), lines: z.array(Line).min(1) });
export const OrderBilled = z.object({ id: z.string(), cents: z.int() });

export const orders = defineEvents('sample-09.orders', {
  'order.created': OrderCreated,
  'order.billed': OrderBilled,
});

export const prices = defineRpc('sample-09.prices', {
  'price.quote': { request: z.object({ item: z.string() }), reply: z.object({ cents: z.int() }) },
});

export type OrderCreated = z.infer<typeof OrderCreated>;
export type OrderBilled = z.infer<typeof OrderBilled>;
