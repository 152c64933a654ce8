import { Injectable } from '@nestjs/common';
import { AmqpEvent, AmqpRequest, ExchangePublisher, InjectPublisher, type EventsOf } from 'nest-amqp';
import { orders, prices, type OrderBilled, type OrderCreated } from 'sample-09-agreements';

const CENTS: Readonly<Record<string, number>> = { lamp: 4_900 };

@Injectable()
export class Shop {
  /** Resolves with the first order that is billed. */
  readonly billed: Promise<OrderBilled>;
  private first!: (order: OrderBilled) => void;

  constructor(@InjectPublisher('orders') private readonly publisher: ExchangePublisher<EventsOf<typeof orders>>) {
    this.billed = new Promise((resolve) => (this.first = resolve));
  }

  async place(order: OrderCreated): Promise<void> {
    await this.publisher.publish('order.created', order);
  }

  @AmqpEvent(orders, 'order.billed', 'sample-09.shop', { bind: orders.exchange })
  onBilled(order: OrderBilled): void {
    this.first(order);
  }

  @AmqpRequest(prices, 'price.quote', 'sample-09.quotes', { bind: prices.exchange })
  quote({ item }: { item: string }) {
    return { cents: CENTS[item] ?? 0 };
  }
}
