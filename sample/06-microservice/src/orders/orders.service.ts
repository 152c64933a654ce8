import { randomUUID } from 'node:crypto';
import { Controller, Inject } from '@nestjs/common';
import { ClientProxy, MessagePattern, Payload } from '@nestjs/microservices';
import { AmqpRecordBuilder } from 'nest-amqp/microservices';
import { firstValueFrom, lastValueFrom } from 'rxjs';
import type { Reservation, StockItem } from '../stock/stock.service.js';

export interface Order extends Reservation {
  readonly id: string;
}

@Controller()
export class OrdersService {
  constructor(
    @Inject('STOCK') private readonly stock: ClientProxy,
    @Inject('EVENTS') private readonly events: ClientProxy,
  ) {}

  /** An error of the stock service is passed on to the requester. */
  @MessagePattern('orders.place')
  async place(@Payload() { item, quantity }: Reservation): Promise<Order & StockItem> {
    const request = { service: 'stock', cmd: 'reserve' };
    const reserved = await firstValueFrom(this.stock.send<StockItem, Reservation>(request, { item, quantity }));
    const order: Order = { id: randomUUID(), item, quantity };
    const event = new AmqpRecordBuilder(order).setOptions({ messageId: order.id, mandatory: false }).build();
    // Resolves when the broker has the event. `mandatory` is false, so an event without a listener is not an error.
    await lastValueFrom(this.events.emit('order.placed', event));
    return { ...order, ...reserved };
  }
}
