import { AmqpConnection } from '@golevelup/nestjs-rabbitmq';
import { Injectable } from '@nestjs/common';
import type { Order } from './order';

const EXCHANGE = 'shop.orders';

@Injectable()
export class OrdersService {
  constructor(private readonly amqpConnection: AmqpConnection) {}

  async create(order: Order): Promise<Order> {
    await this.amqpConnection.publish(EXCHANGE, 'order.created', order, {
      persistent: true,
      messageId: order.id,
      timestamp: Date.now(),
      headers: { 'x-source': 'shop' },
    });
    return order;
  }

  async cancel(id: string) {
    await this.amqpConnection.publish(EXCHANGE, `order.cancelled`, { id }, { expiration: 60_000 });
  }
}
