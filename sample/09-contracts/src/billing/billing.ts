import { Injectable } from '@nestjs/common';
import { AmqpEvent, ExchangePublisher, InjectPublisher, type EventsOf, type RequestsOf } from 'nest-amqp';
import { orders, prices, type OrderCreated } from 'sample-09-agreements';

@Injectable()
export class Billing {
  constructor(
    @InjectPublisher('orders') private readonly publisher: ExchangePublisher<EventsOf<typeof orders>>,
    @InjectPublisher('prices') private readonly caller: ExchangePublisher<RequestsOf<typeof prices>>,
  ) {}

  @AmqpEvent(orders, 'order.created', 'sample-09.billing', { bind: orders.exchange })
  async onCreated({ id, lines }: OrderCreated): Promise<void> {
    let cents = 0;
    for (const { item, quantity } of lines) {
      const price = await this.caller.request('price.quote', { item }, { timeout: 5_000 });
      cents += price.cents * quantity;
    }
    await this.publisher.publish('order.billed', { id, cents });
  }
}
