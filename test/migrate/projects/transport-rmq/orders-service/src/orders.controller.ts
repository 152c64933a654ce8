import { Controller } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload, RpcException } from '@nestjs/microservices';
import { OrdersStore } from './orders.store';

@Controller()
export class OrdersController {
  constructor(private readonly store: OrdersStore) {}

  @EventPattern('order_created')
  created(@Payload() order: { id: number; item: string }) {
    this.store.orders.set(order.id, order.item);
  }

  @MessagePattern({ cmd: 'get_order' })
  get(@Payload() id: number) {
    const item = this.store.orders.get(id);
    if (item === undefined) throw new RpcException(`no order ${id}`);
    return { id, item };
  }
}
