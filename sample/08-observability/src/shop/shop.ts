import { Injectable } from '@nestjs/common';
import { AmqpConsumer, AmqpRpc, ConfirmingPublisher, Payload } from 'nest-amqp';

export interface Order {
  readonly id: number;
  readonly item: string;
}

const CENTS: Readonly<Record<string, number>> = { lamp: 4_900 };

@Injectable()
export class Shop {
  /** Resolves with the first order that is billed. */
  readonly billed: Promise<Order>;
  private first!: (order: Order) => void;

  constructor(private readonly publisher: ConfirmingPublisher) {
    this.billed = new Promise((resolve) => (this.first = resolve));
  }

  async place(order: Order): Promise<void> {
    await this.publisher.publish('sample-08.orders', 'order.created', order);
  }

  @AmqpRpc('sample-08.prices')
  price(@Payload('item') item: string): number {
    return CENTS[item] ?? 0;
  }

  @AmqpConsumer('sample-08.billed')
  onBilled(@Payload() order: Order): void {
    this.first(order);
  }
}
