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

  /** What the stock service throws goes on to whoever has asked us. */
  @MessagePattern('orders.place')
  async place(@Payload() { item, quantity }: Reservation): Promise<Order & StockItem> {
    const request = { service: 'stock', cmd: 'reserve' };
    const reserved = await firstValueFrom(this.stock.send<StockItem, Reservation>(request, { item, quantity }));
    const order: Order = { id: randomUUID(), item, quantity };
    const event = new AmqpRecordBuilder(order).setOptions({ messageId: order.id, mandatory: false }).build();
    // Resolves when the broker has it. That nobody listens is no error here: mandatory is false.
    await lastValueFrom(this.events.emit('order.placed', event));
    return { ...order, ...reserved };
  }
}
