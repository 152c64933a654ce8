/** What a contract makes of mistakes: the lines below a `@ts-expect-error` must not compile, all others must. */
import { Injectable, Module } from '@nestjs/common';
import {
  AmqpContext,
  AmqpEvent,
  AmqpHeader,
  AmqpModule,
  AmqpRequest,
  Ctx,
  defineEvents,
  defineRpc,
  ExchangePublisher,
  InjectPublisher,
  Payload,
  type EventsOf,
  type HandledOf,
  type RequestsOf,
  type StandardSchema,
} from 'nest-amqp';

declare function schemaOf<Input, Output = Input>(): StandardSchema<Input, Output>;

export class OrderPaid {
  id!: string;
  amount!: number;
}

interface OrderCreated {
  id: string;
  note?: string;
}

export const orders = defineEvents('orders', {
  'order.created': schemaOf<OrderCreated, { id: string; note: string }>(),
  'order.paid': OrderPaid,
});

/** What is sent would be a Date's text, or a number, where the consumer expects what the publisher was given. */
// @ts-expect-error the output is no input: the contract has to keep the payload as it is given
export const changing = defineEvents('orders', { 'order.moved': schemaOf<string, Date>() });
export const moved = defineEvents('orders', { 'order.moved': schemaOf<string, Date>() }, { unknownFields: 'keep' });
// @ts-expect-error no schema
export const wrong = defineEvents('orders', { 'order.created': 7 });
// @ts-expect-error no such option
export const misspelt = defineEvents('orders', {}, { unknownField: 'keep' });

export const versions = orders
  .upcast('order.created', 'order.paid', ({ id, note }) => ({ id, amount: note.length }))
  // @ts-expect-error no such event
  .upcast('order.deleted', 'order.paid', () => ({ id: '', amount: 1 }));
// @ts-expect-error not the payload of the newer event
export const unlike = orders.upcast('order.created', 'order.paid', ({ id }) => ({ id }));
// @ts-expect-error no such field in the older event
export const other = orders.upcast('order.created', 'order.paid', ({ id, amount }) => ({ id, amount }));

@Injectable()
export class Shop {
  constructor(@InjectPublisher('orders') private readonly publisher: ExchangePublisher<EventsOf<typeof orders>>) {}

  async sell(): Promise<void> {
    await this.publisher.publish('order.created', { id: 'o-1' });
    await this.publisher.publish('order.paid', { id: 'o-1', amount: 3 });
    // @ts-expect-error no such event
    await this.publisher.publish('order.deleted', { id: 'o-1' });
    // @ts-expect-error the payload of another event
    await this.publisher.publish('order.paid', { id: 'o-1' });
    // @ts-expect-error a wrong type
    await this.publisher.publish('order.created', { id: 1 });
    // @ts-expect-error an unknown field
    await this.publisher.publish('order.created', { id: 'o-1', secret: 1 });
    // @ts-expect-error no payload
    await this.publisher.publish('order.created');
  }
}

@Injectable()
export class Billing {
  @AmqpEvent(orders, 'order.created', 'billing', { prefetch: 5, bind: orders.exchange })
  onCreated(order: { id: string; note: string }, context: AmqpContext): string {
    return order.note + context.queue;
  }

  @AmqpEvent(orders, ['order.created', 'order.paid'], 'audit')
  async onAny(
    @Payload() order: OrderPaid | { id: string },
    @AmqpHeader('tenant') tenant: string,
    @Ctx() context: AmqpContext,
  ): Promise<string> {
    return Promise.resolve(order.id + tenant + context.queue);
  }

  @AmqpEvent(moved, 'order.moved', { useFactory: () => 'tracking' }, { useFactory: () => ({ prefetch: 1 }) })
  onMoved(at: Date): number {
    return at.getTime();
  }

  // @ts-expect-error no such event
  @AmqpEvent(orders, 'order.deleted', 'billing')
  onDeleted(order: OrderPaid): string {
    return order.id;
  }

  // @ts-expect-error the payload of another event
  @AmqpEvent(orders, 'order.created', 'billing')
  onWrong(order: OrderPaid): string {
    return order.id;
  }

  // @ts-expect-error the other event has no amount
  @AmqpEvent(orders, ['order.created', 'order.paid'], 'billing')
  onBoth(order: OrderPaid): string {
    return order.id;
  }

  // @ts-expect-error the payload is not taken
  @AmqpEvent(orders, 'order.created', 'billing')
  onNothing(): void {}

  // @ts-expect-error the context comes second
  @AmqpEvent(orders, 'order.created', 'billing')
  onContext(context: AmqpContext): string {
    return context.queue;
  }

  // @ts-expect-error the contract gives the routing key
  @AmqpEvent(orders, 'order.created', 'billing', { routingKey: 'order.paid' })
  onOther(order: { id: string }): string {
    return order.id;
  }
}

export const prices = defineRpc('prices', {
  'price.quote': { request: schemaOf<{ item: string }>(), reply: schemaOf<{ cents: number; note?: string }>() },
  'price.paid': { request: OrderPaid, reply: OrderPaid },
});
// @ts-expect-error no reply
export const oneWay = defineRpc('prices', { 'price.quote': { request: OrderPaid } });
// @ts-expect-error the output of the reply is no input
export const asDate = defineRpc('prices', { now: { request: OrderPaid, reply: schemaOf<string, Date>() } });

@Injectable()
export class Customer {
  constructor(@InjectPublisher('prices') private readonly caller: ExchangePublisher<RequestsOf<typeof prices>>) {}

  async ask(): Promise<number> {
    const price = await this.caller.request('price.quote', { item: 'Lamp' }, { timeout: 100 });
    // @ts-expect-error no such field in the reply
    console.log(price.amount);
    // @ts-expect-error no such request
    await this.caller.request('price.ask', { item: 'Lamp' });
    // @ts-expect-error the payload of another request
    await this.caller.request('price.paid', { item: 'Lamp' });
    // @ts-expect-error a request is no event
    await this.caller.publish('price.quote', { item: 'Lamp' });
    return price.cents;
  }
}

@Injectable()
export class Prices {
  @AmqpRequest(prices, 'price.quote', 'quotes')
  async quote(request: { item: string }): Promise<{ cents: number }> {
    return Promise.resolve({ cents: request.item.length });
  }

  // @ts-expect-error no such request
  @AmqpRequest(prices, 'price.ask', 'quotes')
  ask(request: { item: string }): { cents: number } {
    return { cents: request.item.length };
  }

  // @ts-expect-error the request of another key
  @AmqpRequest(prices, 'price.quote', 'quotes')
  paid(request: OrderPaid): { cents: number } {
    return { cents: request.amount };
  }

  // @ts-expect-error a wrong reply
  @AmqpRequest(prices, 'price.quote', 'quotes')
  wrong(request: { item: string }): { cents: string } {
    return { cents: request.item };
  }

  // @ts-expect-error no reply
  @AmqpRequest(prices, 'price.quote', 'quotes')
  silent(request: { item: string }): void {
    console.log(request);
  }

  // @ts-expect-error the request is not taken
  @AmqpRequest(prices, 'price.quote', 'quotes')
  careless(): { cents: number } {
    return { cents: 0 };
  }
}

@Module({
  imports: [AmqpModule.forRoot('amqp://localhost'), AmqpModule.forFeature([{ publisher: 'orders', exchange: orders }])],
  providers: [Shop, Billing, Customer, Prices],
})
export class AppModule {}

const handled: HandledOf<typeof orders>['order.created'] = { id: 'o-1', note: '' };
const published: EventsOf<typeof orders>['order.created'] = { id: 'o-1' };
// @ts-expect-error a handler gets what the schema returns
const input: HandledOf<typeof orders>['order.created'] = published;
console.log(handled, input);
